/** The recipes for ImageNet on a miniature of it: 3 of its classes, validation photos in one folder. */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { advprop } from "../support/cli.js";
import { sharedTemporaryFolder, temporaryFolder } from "../support/folders.js";
import { writeClasses } from "../support/photos.js";

const CLASSES = ["n01440764", "n02123045", "n03445777"];
const counts = (photos: number) => Object.fromEntries(CLASSES.map((name) => [name, photos]));

const mini = sharedTemporaryFolder();
await writeClasses(join(mini, "train"), counts(8));
await writeClasses(join(mini, "val"), counts(3), 100);
const lines = CLASSES.flatMap((name, label) =>
  readdirSync(join(mini, "val", name)).map((photo, i) => {
    const file = `ILSVRC2012_val_${String(3 * i + label + 1).padStart(8, "0")}.JPEG`;
    renameSync(join(mini, "val", name, photo), join(mini, "val", file));
    return `${file} ${name}`;
  }),
);
for (const name of CLASSES) rmSync(join(mini, "val", name), { recursive: true });
writeFileSync(join(mini, "val_labels.txt"), `${lines.join("\n")}\n`);

/** Small images, one epoch, as many mini-batches per update as the miniature has, and a rate for such small mini-batches. */
const SMALL = [
  ...["data.imageSize=32", "training.epochs=1", "training.accumulationSteps=3"].flatMap((value) => ["--set", value]),
  ...["--batch-size", "4", "--lr", "0.01", "--workers", "1", "--threads", "1"],
];

test.each(["imagenet-efficientnet-b0-advprop", "imagenet-resnet50-advprop", "imagenet-resnet50-vanilla"])(
  "%s trains and evaluates",
  (recipe) => {
    const run = join(temporaryFolder(), "run");
    const trained = advprop(["train", recipe, "--data", mini, ...SMALL, "--run", run, "--json"]);
    expect(trained.status, trained.stderr).toBe(0);
    expect(JSON.parse(trained.stdout)).toMatchObject({ status: "finished", step: 2 });
    // There is no test split, and the validation images chose `best`.
    expect(trained.stderr).toContain(`Evaluate with: advprop evaluate ${run} --split validation --checkpoint last\n`);
    expect(JSON.parse(readFileSync(join(run, "run.json"), "utf8")).data).toMatchObject({
      classes: CLASSES,
      trainingImages: 24,
      validationImages: 9,
    });

    const evaluated = advprop(["evaluate", run, "--split", "validation", "--checkpoint", "last", "--json", "--quiet"]);
    expect(evaluated.status, evaluated.stderr).toBe(0);
    const { count, loss } = JSON.parse(evaluated.stdout);
    expect(count).toBe(9);
    expect(Number.isFinite(loss)).toBe(true);
  },
  180_000,
);
