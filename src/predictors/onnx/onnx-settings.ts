/** Settings that an ONNX graph does not contain: how pixels become its input, and what its output means. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { didYouMean, UsageError } from "../../errors.js";
import { imagenetSynsets, namesInImagenetOrder } from "../../evaluation/classes/imagenet.js";
import { PREPROCESSING_ENTRY } from "../../export/preprocessing.js";
import { INTERPOLATIONS } from "../../images/resize.js";

const error = "must be three numbers, one for each colour, as in 0.485,0.456,0.406";
const colour = z.number({ error });
const channels = z.tuple([colour, colour, colour], { error });

/** The keys of a sidecar file, of the metadata entry and of the flag `--onnx KEY=VALUE`. */
export const onnxSettingsSchema = z.strictObject({
  /** Order of the input's dimensions. */
  layout: z.enum(["NCHW", "NHWC"]).optional(),
  /** Side of the images in pixels. */
  imageSize: z.int().positive().optional(),
  /** Order of the colours. */
  channels: z.enum(["RGB", "BGR"]).optional(),
  /** The values of black and white before the mean is subtracted. */
  pixelRange: z.enum(["0-1", "0-255"]).optional(),
  /** In the unit of pixelRange and in the order of `channels`; the input is (pixel - mean) / std. */
  mean: channels.optional(),
  std: channels.optional(),
  /** Side of the centre crop as a share of the resized short side. */
  cropFraction: z.number().positive().max(1).optional(),
  interpolation: z.enum(INTERPOLATIONS).optional(),
  /** Names in the order of the outputs, "imagenet", or a text file with one name per line. */
  classes: z.union([z.array(z.string()).min(2), z.string()]).optional(),
  output: z.enum(["logits", "probabilities"]).optional(),
  /** The output that holds the scores, if there are several outputs. */
  outputName: z.string().optional(),
});

/**
 * The settings of a user for an ONNX file. `classes` are names in the order of the outputs, "imagenet", or a text file with one name per
 * line.
 */
export type OnnxOptions = Readonly<z.input<typeof onnxSettingsSchema>>;

/** The known settings of an ONNX file; absent ones must follow from its graph. */
export type OnnxSettings = Omit<z.output<typeof onnxSettingsSchema>, "classes"> & {
  readonly classes?: readonly string[];
};

/**
 * Merges the settings of three sources: the file's metadata, its sidecar `FILE.json` (such as `model.onnx.json`), and the given ones.
 * For each key the last source that has it wins.
 *
 * @throws ERR_PREPROCESSING a key or a value is unknown, or a file of class names cannot be read
 */
export function collectSettings(file: string, metadata: ReadonlyMap<string, string>, given: OnnxOptions): OnnxSettings {
  const sidecar = `${file}.json`;
  const entry = metadata.get(PREPROCESSING_ENTRY);
  const here = dirname(file);
  return {
    ...imageProperties(metadata),
    ...(entry !== undefined &&
      parse(json(entry, `${file}, metadata ${PREPROCESSING_ENTRY}`), PREPROCESSING_ENTRY, here)),
    ...(existsSync(sidecar) && parse(json(readFileSync(sidecar, "utf8"), sidecar), sidecar, here)),
    ...parse(given, "onnx", "."),
  };
}

/** ONNX's standard entries for image models (docs/MetadataProps.md of the ONNX project). */
function imageProperties(metadata: ReadonlyMap<string, string>): OnnxSettings {
  const half: [number, number, number] = [0.5, 0.5, 0.5];
  const order = { Rgb8: "RGB", Bgr8: "BGR" } as const;
  const ranges = {
    NominalRange_0_255: { pixelRange: "0-255" },
    Normalized_0_1: { pixelRange: "0-1" },
    Normalized_1_1: { pixelRange: "0-1", mean: half, std: half },
  } as const;
  const format = metadata.get("Image.BitmapPixelFormat") as keyof typeof order;
  const range = metadata.get("Image.NominalPixelRange") as keyof typeof ranges;
  return { ...(order[format] && { channels: order[format] }), ...ranges[range] };
}

function parse(value: unknown, source: string, folder: string): OnnxSettings {
  const { success, data, error } = onnxSettingsSchema.safeParse(value);
  if (success) {
    const { classes, ...rest } = data;
    return classes === undefined ? rest : { ...rest, classes: classNames(classes, source, folder) };
  }
  const [issue] = error.issues;
  const known = Object.keys(onnxSettingsSchema.shape);
  throw new UsageError(
    "ERR_PREPROCESSING",
    issue.code === "unrecognized_keys"
      ? `${source}: unknown key ${issue.keys[0]}.${didYouMean(issue.keys[0], known)} The keys are ${known.join(", ")}`
      : `${source}: ${issue.path.join(".") || "it"}: ${issue.message}`,
  );
}

function classNames(classes: string | readonly string[], source: string, folder: string): readonly string[] {
  const names = typeof classes === "string" ? namesOf(classes, source, folder) : classes;
  return namesInImagenetOrder(names) ?? names;
}

function namesOf(classes: string, source: string, folder: string): readonly string[] {
  if (classes === "imagenet") return imagenetSynsets();
  const path = resolve(folder, classes);
  if (!existsSync(path)) {
    throw new UsageError(
      "ERR_PREPROCESSING",
      `${source}: classes must be a list of names, imagenet, or a text file with one name per line; there is no file ${path}`,
    );
  }
  return readFileSync(path, "utf8")
    .split(/\r?\n/)
    .map((line) => line.trim().normalize("NFC")) // trim also removes the byte order mark
    .filter((line) => line !== "");
}

function json(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError("ERR_PREPROCESSING", `${source} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
