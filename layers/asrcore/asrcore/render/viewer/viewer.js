// The transcript that this file holds as data. It makes no network request but for the recording that it names.

import { find, language, stored } from "../common/common.js";
import { showTranscript } from "./view.js";

const data = stored("data"), url = stored("recording");
showTranscript({
  bar: find("bar"),
  body: find("view"),
  data,
  exports: stored("exports"),
  details: () => data.details[language()],
  getAddress: url && (async () => ({ url })),
});
