/** How a model was measured on a set, in words that are printed and saved with the result. */
import { type ClassRule, knownSet } from "../../evaluation/classes/class-rule.js";
import { defaultView, type EvaluationView } from "../../evaluation/view.js";
import { orderRemark } from "../../predictors/onnx/onnx-normalization.js";
import type { OpenedPredictor } from "../../predictors/opened.js";
import type { EvaluationFile } from "../../runs/schema.js";
import type { EvaluationData } from "./data.js";

/** What a result depends on beside the model and the images. */
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

/** Says that a rule is not the model's own, where a new model would have another. */
function unrecorded({ imageSize, view: own, viewRecorded }: OpenedPredictor, { cropFraction }: EvaluationView): string {
  const now = defaultView(imageSize).cropFraction;
  if (viewRecorded || cropFraction !== own.cropFraction || cropFraction === now) return "";
  const before = "the model's file records no crop rule, so the earlier default holds, size / (size + 32)";
  return `; ${before}; today's is ${now} (\`cropFraction: ${now}\`)`;
}

/** What an ONNX file is given, and how its answer is read. */
function inputOf({ format, output }: Extract<OpenedPredictor, { access: "black-box" }>) {
  const { type, layout, channels, pixelRange, mean, std } = format;
  const normalized = `(x - [${mean.join(", ")}]) / [${std.join(", ")}]`;
  const plain = mean.every((m) => m === 0) && std.every((s) => s === 1);
  const remark = orderRemark(format);
  const answer = output === "probabilities" ? "its probabilities as logarithms" : "its logits";
  return {
    format: { ...format },
    output,
    input: `input: ${type} ${layout} ${channels}, x in ${pixelRange}${plain ? "" : `, ${normalized}`}; ${answer}${remark ? `. Note: ${remark}` : ""}`,
  };
}
