// A page that could not be shown comes back when something changed.

import { hear } from "./events.js";

const again = () => location.reload();
hear("", { inbox: again, back: again });
