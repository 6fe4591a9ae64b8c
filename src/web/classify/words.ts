/** Texts about models. */
import { radiusText } from "../../evaluation/attack-text.js";
import type { WebModel } from "../../runs/web-models.js";
import { NO_CORRUPTION, type Severities, SLIDERS } from "./corruptions.js";

/** The short name of a model. */
export const letterOf = (index: number): string => "AB"[index];

const METHODS: Readonly<Record<string, string>> = {
  vanilla: "vanilla training",
  advprop: "AdvProp",
  "fine-grained": "fine-grained AdvProp",
  "fast-advprop": "Fast AdvProp",
  adversarial: "adversarial training",
};

/** Short texts: the network, its training method and its accuracy. */
export function factsOf({ model, imageSize, method, epsilon, norm, accuracy }: WebModel): string[] {
  const radius = epsilon === undefined ? "" : ` at ${radiusText(epsilon, norm)}`;
  const facts = [`${model}, ${imageSize}\u00a0×\u00a0${imageSize} pixels`];
  if (method !== undefined) facts.push(`${METHODS[method] ?? method}${radius}`);
  if (accuracy !== undefined) {
    const { value, images, data, split } = accuracy;
    facts.push(`accuracy ${percent(value, 2)} on ${images.toLocaleString("en")} ${split} images of ${data}`);
  }
  return facts;
}

/** With a no-break space. */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)}\u00a0%`;

export const milliseconds = (time: number): string => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;

export const megabytes = (models: readonly WebModel[]): string => {
  const bytes = models.reduce((total, model) => total + model.bytes, 0);
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
};

export const isClean = (severities: Severities): boolean =>
  SLIDERS.every(({ corruption }) => severities[corruption] === NO_CORRUPTION[corruption]);
