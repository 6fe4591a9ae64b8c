import type { Command } from "commander";

/** What the file of a command exports. It is loaded only when the command is asked for. */
export interface CommandModule {
  /** Adds the command's options, arguments and action. Whatever needs libtorch is imported inside the action. */
  define(command: Command): void;
}

/**
 * The commands, in the order of the help: `[name, summary]`. A command lives in the file of its name in `commands/`.
 * To add one, add its line here and write that file.
 */
export const COMMANDS: readonly (readonly [name: string, summary: string])[] = [
  ["train", "train a classifier, with or without adversarial examples"],
  ["launch", "train by several processes of this host"],
  ["evaluate", "measure classifiers on clean, corrupted or attacked images"],
  ["compare", "train and measure methods side by side"],
  ["report", "write what was trained, and how it went, as one page"],
  ["predict", "classify photos"],
  ["serve", "classify photos over HTTP"],
  ["dashboard", "follow runs in a browser while they are trained"],
  ["attack", "draw an attack on a photo: original, perturbation, adversarial"],
  ["export", "write a trained classifier as ONNX or safetensors"],
  ["bench", "time an update of the weights, and profile it by operator"],
  ["corrupt", "write a set with the corruptions of ImageNet-C"],
  ["stylize", "write a set with other textures and the same shapes"],
  ["models", "list the networks and published weights, or convert weights"],
  ["recipes", "list the recipes"],
  ["data", "check a folder of images, or download a data set"],
  ["setup", "build the engine and install ONNX Runtime"],
  ["doctor", "say what this machine has, what is missing and how to get it"],
];

/** Loads the file of a command. */
export async function loadCommand(name: string): Promise<CommandModule> {
  return import(new URL(`./commands/${name}.js`, import.meta.url).href);
}
