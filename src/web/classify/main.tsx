/** The page that `exportModel` writes with the format web: a photo is classified on the device. */
import { render } from "preact";

render(<main>Loading the models…</main>, document.getElementById("page")!);
