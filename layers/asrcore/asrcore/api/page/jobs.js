// The jobs page: recordings are uploaded, and their jobs listed, by the API that serves this page. Names and messages
// are inserted as text, never as markup.

import { look, showList } from "./list.js";
import { offerRecording } from "./recorder.js";
import { route } from "./router.js";
import { add, offerUploads } from "./uploads.js";
import { find, language, stored } from "../../render/common/common.js";

const SAMPLES = stored("samples"); // by language, in base64

offerUploads(look);
offerRecording(add);
find("sample").addEventListener("click", () => {
  const bytes = Uint8Array.from(atob(SAMPLES[language()]), (letter) => letter.charCodeAt(0));
  add([new File([bytes], "sample.ogg", { type: "audio/ogg" })]);
});

const show = () => route(showList);
addEventListener("hashchange", show);
document.addEventListener("signed-in", show);
show();
