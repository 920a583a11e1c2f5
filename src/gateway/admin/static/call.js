// A button that needs a script is there where scripts run.

import { $ } from "./app.js";

$("#copy").hidden = false;
