/** The page of `advprop dashboard`. */
import { render } from "preact";
import { App } from "./app.js";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/frame.css";
import "./style/controls.css";
import "./style/tables.css";
import "./style/charts.css";
import "./style/pictures.css";
import "./style/narrow.css";

render(<App />, document.getElementById("page")!);
