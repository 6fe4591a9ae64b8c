/**
 * Colours of curves on light and dark pages, one for each of up to 12 runs. The first five follow Okabe and Ito 2008,
 * https://jfly.uni-koeln.de/color/, which people with any colour vision can distinguish; they are darker or lighter here for contrast.
 */
export const SERIES_COLOURS = {
  light: [
    ...["#0072b2", "#d55e00", "#008f68", "#b0578d", "#7f6000", "#4a515c"],
    ...["#4b45b0", "#00798a", "#b3001b", "#5c9400", "#8a2be2", "#7a3b1d"],
  ],
  dark: [
    ...["#56b4e9", "#ff9350", "#2fd1a3", "#e8a3cd", "#f0e442", "#c3c9d1"],
    ...["#a9a2f5", "#4fd3e0", "#ff7b7b", "#a3d63c", "#d58bff", "#d0a07a"],
  ],
} as const;
