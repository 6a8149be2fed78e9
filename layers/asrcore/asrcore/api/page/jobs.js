// Uploads recordings and shows jobs, by the API that serves this page. Names and messages are inserted as
// text, never as markup. An access token is kept for this tab only, and sent to this API only.

const CHINESE = {
  "Recordings": "录音",
  "Access token": "访问令牌",
  "Sign in": "登录",
  "New": "新录音",
  "Choose recordings": "选择录音文件",
  "or drop them here": "或拖放到这里",
  "Vendor": "识别厂商",
  "Automatic": "自动选择",
  "Speakers": "说话人",
  "Off": "不区分",
  "Automatic number": "自动判断人数",
  "Language": "语言",
  "Uploads": "上传",
  "Jobs": "任务",
  "Only jobs in this state": "只看这个状态的任务",
  "all": "全部",
  "No jobs.": "没有任务。",
  "Older jobs": "更早的任务",
  "This API needs an access token.": "需要访问令牌。",
  "The API cannot be reached; retrying.": "无法连接接口，正在重试。",
  "The network failed: try again.": "网络出错，操作没有完成，请重试。",
  "{0}: {1}": "{0}：{1}",
  "uploading": "正在上传",
  "{0}; video: its audio will be extracted": "{0}；视频：将提取声音",
  "uploaded; its job will appear below": "已上传，任务稍后出现在下面",
  "{0} is larger than {1} MB": "{0} 超过 {1} MB",
  "{0} is empty": "{0} 是空文件",
  "the API cannot be reached; drop the file again later": "无法连接接口，请稍后重新拖放文件",
  "the upload was interrupted; drop the file again": "上传中断，请重新拖放文件",
  "the bucket rejected the upload: drop the file again": "存储桶拒绝了上传，请重新拖放文件",
  "new": "新任务",
  "converting": "正在转码",
  "waiting_for_slot": "排队中",
  "submitting": "正在提交",
  "waiting_for_callback": "等待识别结果",
  "waiting_for_result": "等待识别结果",
  "fetching_result": "正在取结果",
  "completed": "已完成",
  "failed": "失败",
  "{0} so far": "已用 {0}",
  "usually {0}": "通常 {0}",
  "in {0}": "用时 {0}",
  "attempt {0}": "第 {0} 次尝试",
  "Open": "打开",
  "Delete": "删除",
  "Delete for ever": "永久删除",
  "Deleted.": "已删除。",
  "The browser blocked the new page: allow it.": "浏览器阻止了新页面，请允许打开。",
};
const STAGES = { // English texts of the API's stages
  waiting_for_slot: "waiting for a slot", submitting: "submitting to the vendor", fetching_result: "fetching the result",
  waiting_for_callback: "recognition in progress", waiting_for_result: "recognition in progress",
};
const AT_ONCE = 3; // uploads
const SOON_MS = 1_000, LATE_MS = 30_000; // between two requests: longer each time that no job changed

translate();
for (const vendor of stored("vendors")) find("vendor").append(make("option", { textContent: vendor }));
for (let count = 2; count <= 10; count++) find("speakers").append(make("option", { textContent: count }));

const nameOf = (key) => key.slice(key.lastIndexOf("/") + 1);
const stageOf = (stage) => (isChinese ? say(stage) : STAGES[stage] ?? stage);
const isOver = (job) => job.status === "COMPLETED" || job.status === "FAILED";
function tell(words, isBad = false) {
  find("news").textContent = words;
  find("news").className = isBad ? "bad" : "";
}
function span(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
}

// --- the API --------------------------------------------------------------------------------------------------------

const TOKEN = "asrcore.token";
class Refused extends Error {}

async function call(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(path.replace(/^\//, ""), { signal: AbortSignal.timeout(60_000), ...options, headers });
  if ((answer.status === 401 || answer.status === 403) && !answer.redirected) { // a bucket accepts no token
    sessionStorage.removeItem(TOKEN);
    find("sign-in").hidden = false;
    throw new Refused(say("This API needs an access token."));
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const faults = (problem.errors ?? []).map((fault) => fault.message);
    throw new Refused([problem.detail ?? problem.message ?? answer.statusText, ...faults].join("; "));
  }
  return answer;
}
const get = async (path) => (await call(path)).json();
// The API's rejections say why; a browser's message about a failed network does not help: show `otherwise`.
const reason = (error, otherwise) => (error instanceof Refused ? error.message : say(otherwise));
const failed = (error) => tell(reason(error, "The network failed: try again."), true);

find("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, find("token").value.trim());
  find("token").value = "";
  find("sign-in").hidden = true;
  tell("");
  look();
});

// --- uploads --------------------------------------------------------------------------------------------------------

const waiting = []; // files not yet uploading
const arriving = new Map(); // uploaded, by key, without a job so far
const ours = new Set(); // keys of files uploaded by this page
let uploading = 0;

function take(files) {
  const options = {
    ...(find("speakers").value && { speakers: Number(find("speakers").value) }),
    ...(find("language").value.trim() && { language: find("language").value.trim() }),
  };
  for (const file of files) {
    const bar = make("progress", { max: 1, value: 0 }), about = make("p", { className: "about" });
    bar.setAttribute("aria-label", file.name);
    const item = make("li", {}, make("p", { className: "name", textContent: file.name }), bar, about);
    find("uploads").append(item);
    waiting.push({ file, bar, about, item, vendor: find("vendor").value, options });
  }
  next();
}

function next() {
  while (uploading < AT_ONCE && waiting.length) {
    uploading++;
    upload(waiting.shift()).finally(() => { uploading--; next(); });
  }
}

async function upload({ file, bar, about, item, vendor, options }) {
  const isVideo = file.type.startsWith("video/");
  about.textContent = isVideo ? say("{0}; video: its audio will be extracted", say("uploading")) : say("uploading");
  try {
    if (!file.size) throw new Refused(say("{0} is empty", file.name));
    const content_type = /^(audio|video)\//.test(file.type) ? file.type.split(";")[0] : null;
    const body = JSON.stringify({ name: file.name, content_type, vendor, options });
    const headers = { "Content-Type": "application/json" };
    const ticket = await (await call("uploads", { method: "POST", body, headers })).json();
    if (file.size > ticket.max_bytes) throw new Refused(say("{0} is larger than {1} MB", file.name, Math.floor(ticket.max_bytes / 1e6)));
    await post(ticket, file, (part) => { bar.value = part; });
    about.textContent = say("uploaded; its job will appear below");
    arriving.set(ticket.key, item);
    ours.add(ticket.key);
    look();
  } catch (error) {
    about.textContent = reason(error, "the API cannot be reached; drop the file again later");
    about.className = "why";
  }
}

// By XMLHttpRequest: fetch does not report an upload's progress.
const post = ({ url, fields }, file, progress) => new Promise((resolve, reject) => {
  const form = new FormData(), request = new XMLHttpRequest();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  request.upload.addEventListener("progress", ({ loaded, total }) => progress(loaded / total));
  request.addEventListener("load", () =>
    request.status < 300 ? resolve() : reject(new Refused(say("the bucket rejected the upload: drop the file again"))));
  request.addEventListener("error", () => reject(new Refused(say("the upload was interrupted; drop the file again"))));
  request.open("POST", url);
  request.send(form);
});

find("files").addEventListener("change", ({ target }) => {
  take([...target.files]);
  target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    find("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take([...event.dataTransfer.files]);
  });
}

// --- jobs -----------------------------------------------------------------------------------------------------------

const shown = new Map(); // jobs on the page, by job id
const usual = new Map(); // seconds, by job id and vendor
let cursor = null, pages = 1, timer = 0, wait = SOON_MS, looking = Promise.resolve();
let trouble = ""; // the last failed request's message

function look() {
  wait = SOON_MS;
  again();
}

// One refresh at a time: a call during a refresh starts another one after it.
function again() {
  clearTimeout(timer);
  looking = looking.then(refresh);
}

async function refresh() {
  clearTimeout(timer);
  let hasMoved = false;
  try {
    const jobs = await listed();
    for (const key of arriving.keys()) {
      const [job] = (await perhaps(`jobs?key=${encodeURIComponent(key)}`))?.jobs ?? [];
      if (!job) continue;
      arriving.get(key).remove();
      arriving.delete(key);
      if (!find("status").value && !jobs.some(({ job_id }) => job_id === job.job_id)) jobs.unshift(job);
    }
    hasMoved = show(jobs);
    if (trouble && find("news").textContent === trouble) tell(""); // the API answers again
    trouble = "";
    for (const job of jobs) await learn(job);
  } catch (error) {
    trouble = reason(error, "The API cannot be reached; retrying.");
    tell(trouble, true);
    if (!find("sign-in").hidden) return;
  }
  wait = hasMoved ? SOON_MS : Math.min(LATE_MS, wait * 1.3);
  const isMoving = arriving.size || [...shown.values()].some(({ job }) => !isOver(job));
  if (!document.hidden) timer = setTimeout(again, isMoving || trouble ? wait : LATE_MS);
}

async function listed() {
  const jobs = [], query = find("status").value ? `&status=${find("status").value}` : "";
  cursor = null;
  for (let page = 0; page < pages && (page === 0 || cursor); ) {
    const found = await get(`jobs?limit=20${query}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    jobs.push(...found.jobs);
    cursor = found.next_cursor;
    if (found.jobs.length || !cursor) page++; // an empty page does not count
  }
  return jobs;
}

// The typical turnaround is a field of single jobs, not of lists; request it once.
async function learn(job) {
  const of = `${job.job_id} ${job.vendor}`;
  if (isOver(job) || !job.vendor || usual.has(of)) return;
  const found = await perhaps(job.links.self);
  if (!found) return;
  usual.set(of, found.typical_s);
  fill(shown.get(job.job_id).item, job);
}

// Return null when one job was deleted or the API throttles, so that the other jobs are still shown.
async function perhaps(path) {
  try {
    return await get(path);
  } catch (error) {
    if (!(error instanceof Refused) || !find("sign-in").hidden) throw error;
    return null;
  }
}

function show(jobs) {
  let hasMoved = false;
  for (const job of jobs) {
    const known = shown.get(job.job_id);
    const isWatched = known || ours.has(job.recording.key);
    if (isWatched && known?.job.stage !== job.stage) tell(say("{0}: {1}", nameOf(job.recording.key), stageOf(job.stage)), job.status === "FAILED");
    hasMoved ||= known?.job.updated_at !== job.updated_at;
    const item = known?.item ?? card(job);
    shown.set(job.job_id, { job, item });
    fill(item, job);
  }
  const ids = new Set(jobs.map(({ job_id }) => job_id));
  for (const [id, { item }] of shown) {
    if (ids.has(id)) continue;
    item.remove();
    shown.delete(id);
  }
  // Move only the items that are out of order, so that the keyboard focus stays.
  jobs.forEach(({ job_id }, at) => {
    const { item } = shown.get(job_id), there = find("jobs").children[at];
    if (there !== item) find("jobs").insertBefore(item, there ?? null);
  });
  find("none").hidden = jobs.length > 0;
  find("older").hidden = !cursor;
  return hasMoved;
}

function card({ recording }) {
  const name = make("p", { className: "name", textContent: nameOf(recording.key), title: recording.key, dir: "auto" });
  const parts = ["about", "why", "row actions"].map((className) => make(className === "row actions" ? "div" : "p", { className }));
  return make("li", {}, name, ...parts);
}

function fill(item, job) {
  const [, about, why, actions] = item.children;
  const typical_s = usual.get(`${job.job_id} ${job.vendor}`);
  const elapsed = isOver(job) ? say("in {0}", span(job.elapsed_s)) : say("{0} so far", span(job.elapsed_s));
  const state = make("span", { textContent: stageOf(job.stage), className: { COMPLETED: "good", FAILED: "bad" }[job.status] ?? "" });
  const rest = [job.vendor, elapsed, !isOver(job) && typical_s && say("usually {0}", span(typical_s)), ...job.warnings];
  about.replaceChildren(state, ["", ...rest.filter(Boolean)].join(" · "));
  why.textContent = job.error ? `${job.error.code}: ${job.error.message}` : "";
  why.hidden = !job.error;
  if (actions.dataset.status === job.status) return;
  actions.dataset.status = job.status;
  const made = [];
  if (job.links.transcript) {
    made.push(button("Open", job, () => view(job)));
    made.push(...["srt", "vtt", "txt", "json"].map((format) => button(format.toUpperCase(), job, () => download(job, format))));
  }
  if (isOver(job)) made.push(button("Delete", job, remove));
  actions.replaceChildren(...made);
}

function button(words, job, action) {
  const made = make("button", { type: "button", textContent: say(words) });
  made.setAttribute("aria-label", say("{0}: {1}", nameOf(job.recording.key), say(words)));
  made.addEventListener("click", () => Promise.resolve(action(made, job)).catch(failed));
  return made;
}

// The API redirects to transcripts that are too large for a response, without the token; a download may need minutes.
const transcript = (job, query) => call(`${job.links.transcript}?${query}`, { signal: AbortSignal.timeout(600_000) });

// A new tab has no token: download the page, and show it from memory.
async function view(job) {
  const tab = window.open("", "_blank");
  if (!tab) return tell(say("The browser blocked the new page: allow it."), true);
  try {
    const answer = await transcript(job, "format=html");
    tab.location = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type: "text/html;charset=utf-8" }));
  } catch (error) {
    tab.close();
    throw error;
  }
  return undefined;
}

async function download(job, format) {
  const answer = await transcript(job, `format=${format}&inline=true`);
  save(await answer.blob(), `${nameOf(job.recording.key)}.${format}`);
}

// Deletion needs two clicks, as it is final.
async function remove(pressed, job) {
  if (!pressed.dataset.sure) {
    pressed.dataset.sure = "yes";
    pressed.textContent = say("Delete for ever");
    pressed.setAttribute("aria-label", say("{0}: {1}", nameOf(job.recording.key), say("Delete for ever")));
    pressed.classList.add("bad");
    return;
  }
  await call(job.links.self, { method: "DELETE" });
  tell(say("Deleted."));
  look();
}

find("status").addEventListener("change", () => { pages = 1; look(); });
find("older").addEventListener("click", () => { pages++; look(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
