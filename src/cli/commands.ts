import type { Command } from "commander";

/** What the file of a command exports. The file is loaded only when the command is used. */
export interface CommandModule {
  /** Adds the command's options, arguments and action. Modules that need libtorch are imported inside the action. */
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
  ["report", "write the settings, curves and results of runs as one page"],
  ["predict", "classify photos"],
  ["serve", "classify photos over HTTP"],
  ["dashboard", "follow runs in a browser while they train"],
  ["attack", "draw a photo, its perturbation and the adversarial image"],
  ["export", "write a trained classifier as ONNX or safetensors"],
  ["bench", "time an update of the weights, and profile it by operator"],
  ["corrupt", "write a copy of a data set with the corruptions of ImageNet-C"],
  ["stylize", "write a copy of a data set with other textures"],
  ["models", "list the networks and published weights, or convert weights"],
  ["recipes", "list the recipes"],
  ["data", "check a folder of images, or download a data set"],
  ["setup", "build the engine and install ONNX Runtime"],
  ["doctor", "check what this machine has, what is missing and how to get it"],
];

/** Loads the file of a command. */
export async function loadCommand(name: string): Promise<CommandModule> {
  return import(new URL(`./commands/${name}.js`, import.meta.url).href);
}
