export const PRESET_NAMES = ["advprop", "imagenet", "half", "none"] as const;

export type PresetName = (typeof PRESET_NAMES)[number];
