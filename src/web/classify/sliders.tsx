/** The corruptions, each with its severity. */
import { NO_CORRUPTION, type Severities, SLIDERS } from "./corruptions.js";
import { isClean } from "./words.js";

interface Properties {
  readonly severities: Severities;
  onChange(severities: Severities): void;
}

export function Sliders({ severities, onChange }: Properties) {
  return (
    <fieldset class="card sliders">
      <legend class="hidden">Corrupt the photo</legend>
      {SLIDERS.map(({ corruption, label }) => (
        <label key={corruption}>
          <span>{label}</span>
          <input
            type="range"
            name={corruption}
            min={0}
            max={5}
            step={1}
            value={severities[corruption]}
            aria-valuetext={severities[corruption] === 0 ? "off" : `severity ${severities[corruption]}`}
            onInput={(event) => onChange({ ...severities, [corruption]: event.currentTarget.valueAsNumber })}
          />
          <output>{severities[corruption] || "off"}</output>
        </label>
      ))}
      <button type="button" disabled={isClean(severities)} onClick={() => onChange(NO_CORRUPTION)}>
        Reset all
      </button>
    </fieldset>
  );
}
