/** The page that `exportWeb` writes: a photo is classified on the device of who looks at it. */
import { render } from "preact";
import { App } from "./app.js";
import "./style.css";

const page = document.getElementById("page")!;
page.textContent = "";
render(<App />, page);
