import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { type CheckOptions, checkData } from "../../../src/data/inspection/check.js";
import type { Finding } from "../../../src/data/inspection/findings.js";
import { cifarRecord, writeCifar10 } from "../../support/cifar.js";
import { codedRejection } from "../../support/errors.js";
import { sharedTemporaryFolder, temporaryFolder } from "../../support/folders.js";
import { damagedJpeg, picture, writeClasses, writePicture } from "../../support/photos.js";

/** A folder without problems. */
const good = sharedTemporaryFolder();
await writeClasses(join(good, "train"), { cat: 12, dog: 12 });
await writeClasses(join(good, "val"), { cat: 3, dog: 3 }, 100);

/** The findings in a good folder after a change. */
async function findingsAfter(harm: (root: string) => unknown, options?: CheckOptions) {
  const root = temporaryFolder();
  cpSync(good, root, { recursive: true });
  await harm(root);
  const report = await checkData(root, options);
  const error = report.findings.some(({ severity }) => severity === "error");
  expect(report.ok).toBe(!error);
  for (const { message, remedy } of report.findings) expect(message.length * remedy.length).toBeGreaterThan(0);
  return report.findings.map(
    ({ code, severity, files }): Pick<Finding, "code" | "severity" | "files"> => ({
      code,
      severity,
      files,
    }),
  );
}

describe("checkData", () => {
  test("a good folder has no findings, but counts and progress", async () => {
    const root = good;
    const progress: number[] = [];
    const report = await checkData(root, { onProgress: (done) => progress.push(done) });
    expect(report).toEqual({
      schema: 1,
      path: root,
      quick: false,
      ok: true,
      images: 30,
      classes: [
        { name: "cat", counts: { train: 12, validation: 3 } },
        { name: "dog", counts: { train: 12, validation: 3 } },
      ],
      findings: [],
    });
    expect(progress.at(-1)).toBe(30);
  });

  test("files that cannot be decoded", async () => {
    const findings = await findingsAfter((root) => {
      const cut = readFileSync(join(root, "train/cat/000.jpg"));
      writeFileSync(join(root, "train/cat/000.jpg"), cut.subarray(0, cut.length / 2));
      writeFileSync(join(root, "train/cat/001.jpg"), "");
      writeFileSync(join(root, "val/dog/000.jpg"), "text");
    });
    expect(findings).toEqual(
      ["train/cat/000.jpg", "train/cat/001.jpg", "val/dog/000.jpg"].map((file) => ({
        code: "undecodable",
        severity: "error",
        files: [file],
      })),
    );
  });

  test("the quick check finds files that are not images", async () => {
    const harm = (root: string) => {
      writeFileSync(join(root, "train/cat/001.jpg"), "");
      writeFileSync(join(root, "val/dog/000.jpg"), "text");
    };
    expect(await findingsAfter(harm, { quick: true })).toEqual([
      { code: "undecodable", severity: "error", files: ["train/cat/001.jpg"] },
      { code: "undecodable", severity: "error", files: ["val/dog/000.jpg"] },
    ]);
    const formats = ["jpeg", "png", "webp", "avif", "gif"] as const;
    const root = temporaryFolder();
    for (const format of formats) {
      await writePicture(join(root, "a", `1.${format}`), picture(1).toFormat(format));
      await writePicture(join(root, "b", `2.${format}`), picture(2).toFormat(format));
    }
    const { findings } = await checkData(root, { quick: true });
    expect(findings.filter(({ code }) => code === "undecodable")).toEqual([]);
  });

  test("the quick check gives the same reasons as the full one, also for truncated files", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { cat: 12, dog: 12 });
    const whole = readFileSync(join(root, "cat/000.jpg"));
    writeFileSync(join(root, "cat/000.jpg"), whole.subarray(0, whole.length - 200));
    // Some cameras append bytes to a photo, which is no error.
    writeFileSync(
      join(root, "cat/001.jpg"),
      Buffer.concat([readFileSync(join(root, "cat/001.jpg")), Buffer.alloc(99)]),
    );
    writeFileSync(join(root, "cat/002.jpg"), "<!doctype html><p>404");
    rmSync(join(root, "cat/003.jpg"));
    symlinkSync(join(root, "nowhere"), join(root, "cat/003.jpg"));
    const bad = async (options: CheckOptions) =>
      (await checkData(root, options)).findings.filter(({ code }) => code === "undecodable");
    const quick = await bad({ quick: true });
    expect(quick.map(({ files: [file] }) => file)).toEqual(["cat/000.jpg", "cat/002.jpg", "cat/003.jpg"]);
    expect(quick.map(({ message }) => message)).toEqual([
      expect.stringContaining("cannot be decoded: it is a JPEG, truncated or damaged"),
      "cannot be decoded: it is an HTML page; only JPEG, PNG, WebP, AVIF and GIF are supported",
      expect.stringContaining("cannot be decoded: the file cannot be read (ENOENT"),
    ]);
    // Threads of libvips share one text of the last error, so that its detail in brackets may be missing.
    const plain = (findings: typeof quick) =>
      findings.map((one) => ({ ...one, message: one.message.replace(/ \(Vips.*\)$/, "") }));
    expect(plain(await bad({}))).toEqual(plain(quick));
  });

  test("damage that lenient decoders ignore", async () => {
    const findings = await findingsAfter(async (root) => {
      writeFileSync(join(root, "train/dog/noise.jpg"), await damagedJpeg());
    });
    expect(findings).toEqual([{ code: "damaged", severity: "warning", files: ["train/dog/noise.jpg"] }]);
  });

  test("wrong extensions, tiny and huge images", async () => {
    const findings = await findingsAfter(async (root) => {
      writeFileSync(join(root, "train/cat/really.jpg"), await picture(70).png().toBuffer());
      await writePicture(join(root, "train/cat/tiny.jpg"), picture(71, 20, 200));
      const huge = { width: 9000, height: 6000, channels: 3, background: "#808080" } as const;
      await writePicture(join(root, "train/dog/huge.jpg"), sharp({ create: huge }));
    });
    expect(findings).toEqual([
      { code: "wrong-extension", severity: "warning", files: ["train/cat/really.jpg"] },
      { code: "tiny", severity: "warning", files: ["train/cat/tiny.jpg"] },
      { code: "huge", severity: "warning", files: ["train/dog/huge.jpg"] },
    ]);
  });

  test("duplicates within and across parts and classes", async () => {
    const findings = await findingsAfter(async (root) => {
      const at = (name: string) => join(root, name);
      copyFileSync(at("train/cat/000.jpg"), at("val/cat/leak.jpg"));
      copyFileSync(at("train/cat/001.jpg"), at("train/dog/confused.jpg"));
      copyFileSync(at("train/cat/002.jpg"), at("train/cat/twice.jpg"));
      await sharp(at("train/dog/003.jpg")).webp().toFile(at("val/dog/near.webp"));
      await sharp(at("train/dog/004.jpg")).webp().toFile(at("train/cat/near.webp"));
      await sharp(at("train/dog/005.jpg")).webp().toFile(at("train/dog/near.webp"));
    });
    const expected = [
      ["exact-duplicates-across-parts", "error", ["train/cat/000.jpg", "val/cat/leak.jpg"]],
      ["exact-duplicates-across-classes", "error", ["train/cat/001.jpg", "train/dog/confused.jpg"]],
      ["exact-duplicates", "warning", ["train/cat/002.jpg", "train/cat/twice.jpg"]],
      ["near-duplicates-across-classes", "warning", ["train/cat/near.webp", "train/dog/004.jpg"]],
      ["near-duplicates-across-parts", "warning", ["train/dog/003.jpg", "val/dog/near.webp"]],
      ["near-duplicates", "note", ["train/dog/005.jpg", "train/dog/near.webp"]],
    ].map(([code, severity, files]) => ({ code, severity, files }));
    expect(findings).toEqual(expected);
  });

  test("the quick check finds files with the same bytes too, but not photos that only begin and end alike", async () => {
    const harm = (root: string) => {
      copyFileSync(join(root, "train/cat/000.jpg"), join(root, "val/cat/leak.jpg"));
      copyFileSync(join(root, "train/cat/001.jpg"), join(root, "train/dog/confused.jpg"));
      copyFileSync(join(root, "train/cat/002.jpg"), join(root, "train/cat/twice.jpg"));
      // The key of a photo's contents is that of its length and its first and last 4 KiB.
      const photo = readFileSync(join(root, "train/cat/003.jpg"));
      const padded = (byte: number) =>
        Buffer.concat([photo, Buffer.alloc(5000), Buffer.alloc(10, byte), Buffer.alloc(5000), photo]);
      writeFileSync(join(root, "train/dog/padded.jpg"), padded(1));
      writeFileSync(join(root, "val/cat/padded.jpg"), padded(2));
    };
    const exact = (findings: Awaited<ReturnType<typeof findingsAfter>>) =>
      findings.filter(({ code }) => code.startsWith("exact"));
    const quick = exact(await findingsAfter(harm, { quick: true }));
    expect(quick).toEqual([
      { code: "exact-duplicates-across-parts", severity: "error", files: ["train/cat/000.jpg", "val/cat/leak.jpg"] },
      {
        code: "exact-duplicates-across-classes",
        severity: "error",
        files: ["train/cat/001.jpg", "train/dog/confused.jpg"],
      },
      { code: "exact-duplicates", severity: "warning", files: ["train/cat/002.jpg", "train/cat/twice.jpg"] },
    ]);
    expect(exact(await findingsAfter(harm))).toEqual(quick);
  });

  test("classes that are in one part only", async () => {
    const findings = await findingsAfter((root) => {
      renameSync(join(root, "val/dog"), join(root, "val/dogs"));
    });
    expect(findings).toEqual([
      { code: "class-not-trained", severity: "error", files: ["validation: dogs/"] },
      { code: "class-missing", severity: "warning", files: ["validation: dog/"] },
    ]);
  });

  test("a single class, and nothing to train on", async () => {
    const root = temporaryFolder();
    await writeClasses(join(root, "photos"), { cat: 2, dog: 2 });
    const { ok, findings } = await checkData(root);
    expect([ok, findings[0].code]).toEqual([false, "one-class"]);
    const untrained = temporaryFolder();
    await writeClasses(join(untrained, "test"), { cat: 2, dog: 2 });
    expect((await checkData(untrained)).findings.map(({ code }) => code)).toEqual(["no-training-part"]);
  });

  test("imbalance, and classes of a few images", async () => {
    const root = temporaryFolder();
    await writeClasses(root, { cat: 40, dog: 4, cow: 3 });
    const { findings } = await checkData(root);
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual([
      ["imbalance", "warning"],
      ["few-images", "warning"],
    ]);
    expect(findings[1].message).toBe("2 classes have fewer than 10 training images: cow 3, dog 4");
  });

  test("entries outside of the layout, hidden, empty and of other formats", async () => {
    const findings = await findingsAfter((root) => {
      mkdirSync(join(root, "train/empty"));
      mkdirSync(join(root, "extra"));
      writeFileSync(join(root, "train/cat/.DS_Store"), "");
      writeFileSync(join(root, "train/cat/notes.txt"), "");
      writeFileSync(join(root, "train/cat/phone.heic"), "");
    });
    expect(findings).toEqual([
      { code: "stray", severity: "warning", files: ["extra/"] },
      { code: "empty", severity: "warning", files: ["train/empty/"] },
      { code: "not-an-image", severity: "warning", files: ["train/cat/notes.txt"] },
      { code: "unread-format", severity: "warning", files: ["train/cat/phone.heic"] },
      { code: "hidden", severity: "note", files: ["train/cat/.DS_Store"] },
    ]);
  });

  test("CIFAR is checked by reading it as for training", async () => {
    const root = join(temporaryFolder(), "cifar");
    writeCifar10(
      root,
      cifarRecord([3], () => 0),
    );
    const report = await checkData(root);
    expect([report.ok, report.images]).toEqual([true, 60_000]);
    expect(report.classes[3]).toEqual({ name: "cat", counts: { train: 1, test: 1 } });
    writeFileSync(join(root, "test_batch.bin"), "short");
    const damaged = await checkData(root);
    expect(damaged.ok).toBe(false);
    expect(damaged.findings[0]).toMatchObject({ code: "damaged-set", severity: "error" });
  });

  test("refuses folders without a data set", async () => {
    expect((await codedRejection(checkData(temporaryFolder()))).code).toBe("ERR_DATA_LAYOUT");
    expect((await codedRejection(checkData("/nowhere"))).code).toBe("ERR_DATA_MISSING");
  });
});
