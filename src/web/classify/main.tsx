/** The page that `exportWeb` writes. It classifies photos in the browser. */
import { render } from "preact";
import { App } from "./app.js";
import "./style.css";

const page = document.getElementById("page")!;
page.textContent = "";
render(<App />, page);
