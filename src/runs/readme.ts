/** Describes the files of a run's folder for people. */
import { RUN_SCHEMA } from "./schema.js";

/** The text of a run's README.txt. */
export const runReadme = (version: string): string => `\
This folder is one training run of advprop ${version} (schema ${RUN_SCHEMA}). Its files:

README.txt              this text
recipe.yaml             everything that decides the training, every default written out
environment.json        the machine, Node.js and libtorch that it was begun with
run.json                how the run stands, the command, the images that it trains on
split.json              which photo is in which part, where the program divided them
photos.txt              the photos by their contents, a line each: KEY PART FILE
metrics.jsonl           a JSON object a line: steps, epochs and validations as they come
metrics.csv             the same as a table, written when the training ends
batch-norm-drift.jsonl  a JSON object a line: how far the auxiliary norms lie from the main ones, by layer, after each epoch
images/                 after each epoch the same images (first row), what the attack adds to them (second, grey is none),
                        and the adversarial images (third); beside each picture what the network takes them for, as JSON
evaluation/             results of \`advprop evaluate\`: NAME.json, the confusion matrix as NAME.png, the worst mistakes in NAME/;
                        in suites/ what suites and comparisons measured of this run
checkpoints/            weights, optimiser and counters: last, the previous one, best on the validation images, and steps that were
                        kept; .safetensors holds all of it with a checksum, the .json beside it the counters for people
report.html             what was trained and how it went, for a browser; written when the training ends
tensorboard/            the curves and pictures for TensorBoard, where they were asked for
lock                    there while a process trains

Files that this run does not need are not there. Losses are means over images in nats, accuracies are fractions, times are in
seconds and in UTC, epochs count from 0. The fields of each file are in src/runs/schema.ts of the package's repository.
`;
