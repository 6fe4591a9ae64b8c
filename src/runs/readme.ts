/** Describes the files of a run's folder for people. */
import { RUN_SCHEMA } from "./schema.js";

/** The text of a run's README.txt. */
export const runReadme = (version: string): string => `\
This folder is one training run of advprop ${version} (schema ${RUN_SCHEMA}). Its files:

README.txt              this text
recipe.yaml             all settings of the training, including the defaults
environment.json        the machine, Node.js and libtorch at the start of the run
run.json                the state of the run, the command, the training images
split.json              the photos of each part, if the program split the data set
photos.txt              the photos identified by their contents, one line each: KEY PART FILE
metrics.jsonl           one JSON object per line: steps, epochs and validations
metrics.csv             the same as a table, written when the training ends
batch-norm-drift.jsonl  one JSON object per line: the distance of the auxiliary norms from the main ones, by layer, after each epoch
images/                 after each epoch the same images (first row), the perturbations of the attack (second, grey means none),
                        and the adversarial images (third); beside each picture the network's predictions as JSON
evaluation/             results of \`advprop evaluate\`: NAME.json, the confusion matrix as NAME.png, the worst mistakes in NAME/;
                        in suites/ the results of this run in suites and comparisons
checkpoints/            weights, optimiser and counters: last, previous, best on the validation images, and kept steps;
                        .safetensors contains everything with a checksum, the .json beside it has the counters for people
report.html             a summary of the training for a browser; written when the training ends
tensorboard/            curves and pictures for TensorBoard, if the run writes them
lock                    exists while a process trains

Files that this run does not need are missing. Losses are means over images in nats, accuracies are fractions, times are in
seconds and in UTC, epochs count from 0. The fields of each file are in src/runs/schema.ts of the package's repository.
`;
