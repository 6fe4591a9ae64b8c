/** The cost of each arm of a comparison. */
import type { ComparisonReport } from "../../reports.js";
import { duration, short } from "../format.js";

interface CostProps extends Pick<ComparisonReport, "arms"> {
  readonly colours: ReadonlyMap<string, string>;
}

export function CostCard({ arms, colours }: CostProps) {
  return (
    <section class="card" aria-label="Cost">
      <h3>Cost</h3>
      <div class="scroll">
        <table class="figures">
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <th scope="col">Method</th>
              <th scope="col">Network</th>
              <th scope="col" class="number">
                Epochs
              </th>
              <th scope="col" class="number">
                Passes per step
              </th>
              <th scope="col" class="number">
                Passes
              </th>
              <th scope="col" class="number">
                Training time
              </th>
            </tr>
          </thead>
          <tbody>
            {arms.map(({ name, method, model, epochs, unitsPerStep, runs }) => {
              const mean = (value: (run: (typeof runs)[number]) => number) =>
                runs.reduce((sum, run) => sum + value(run), 0) / runs.length;
              return (
                <tr key={name}>
                  <th scope="row">
                    <span class="swatch" style={{ background: colours.get(name) }} /> {name}
                  </th>
                  <td>{method}</td>
                  <td>{model}</td>
                  <td class="number">{epochs}</td>
                  <td class="number">{short(unitsPerStep)}</td>
                  <td class="number">{short(mean(({ units }) => units))}</td>
                  <td class="number">{duration(mean(({ seconds }) => seconds))}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="note">
        A pass is a forward and backward pass of vanilla training over a mini-batch. An attack step costs two thirds of
        a pass.
      </p>
    </section>
  );
}
