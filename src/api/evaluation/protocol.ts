/** Describes how a model was measured on a data set, in text that is printed and saved with the result. */
import { type ClassRule, knownSet } from "../../evaluation/classes/class-rule.js";
import { defaultView, type EvaluationView } from "../../evaluation/view.js";
import { orderRemark } from "../../predictors/onnx/onnx-normalization.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import type { EvaluationFile } from "../../runs/schema.js";
import type { EvaluationData } from "./data.js";

/** The facts that a result depends on, apart from the model and the images. */
export function protocolOf(
  predictor: OpenedPredictor,
  { classes, view }: Pick<EvaluationData, "classes" | "view">,
  rule: ClassRule,
): EvaluationFile["protocol"] {
  const { imageSize } = predictor;
  const set = knownSet(classes);
  return {
    imageSize,
    ...view,
    ...(set && { set }),
    images: `images: ${view === undefined ? `${imageSize} x ${imageSize} as they are` : cutOf(imageSize, view) + unrecorded(predictor, view)}`,
    ...(predictor.access === "black-box" && inputOf(predictor)),
    classes: `classes: ${rule.description}`,
  };
}

function cutOf(imageSize: number, { cropFraction, interpolation }: EvaluationView): string {
  const short = Math.round(imageSize / cropFraction);
  const cut = `centre ${imageSize} x ${imageSize} (crop fraction ${+cropFraction.toFixed(4)})`;
  return `short side to ${short} pixels, ${interpolation}, ${cut}`;
}

/** A remark if the model does not record its crop rule and a new model would have another one. */
function unrecorded({ imageSize, view: own, viewRecorded }: OpenedPredictor, { cropFraction }: EvaluationView): string {
  const now = defaultView(imageSize).cropFraction;
  if (viewRecorded || cropFraction !== own.cropFraction || cropFraction === now) return "";
  const before = "the model's file records no crop rule, so the earlier default is used, size / (size + 32)";
  return `; ${before}; the default is now ${now} (\`cropFraction: ${now}\`)`;
}

/** The input of an ONNX file, and how its output is used. */
function inputOf({ format, output }: Extract<OpenedPredictor, { access: "black-box" }>) {
  const { type, layout, channels, pixelRange, mean, std } = format;
  const normalized = `(x - [${mean.join(", ")}]) / [${std.join(", ")}]`;
  const plain = mean.every((m) => m === 0) && std.every((s) => s === 1);
  const remark = orderRemark(format);
  const answer = output === "probabilities" ? "output: the logarithms of its probabilities" : "output: its logits";
  return {
    format: { ...format },
    output,
    input: `input: ${type} ${layout} ${channels}, x in ${pixelRange}${plain ? "" : `, ${normalized}`}; ${answer}${remark ? `. Note: ${remark}` : ""}`,
  };
}
