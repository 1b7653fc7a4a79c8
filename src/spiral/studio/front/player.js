// Shows a painting command by command. Its value is JSON: see `spiral.studio.elements.played`.
const find = (selector) => element.querySelector(selector);
const sheet = new Image();
const brief = (score) => Number(score.toPrecision(3)); // of some agents -20, of others 0.02
let painting = null, timer = null;

function show(step) {
  const { frames, steps, columns, width, height, lines, errors, scores } = painting;
  let frame = 0;
  while (frame + 1 < frames && steps[frame + 1] <= step) frame += 1;
  const canvas = find(".picture");
  canvas.width = width;
  canvas.height = height;
  const left = (frame % columns) * width, top = Math.floor(frame / columns) * height;
  canvas.getContext("2d").drawImage(sheet, left, top, width, height, 0, 0, width, height);
  find("input").value = step;
  find("output").textContent = `${step} of ${lines.length}`;
  find(".error").textContent = errors ? `error ${errors[step].toFixed(4)}` : "";
  find(".score").textContent = scores ? `score ${brief(scores[step])}` : "";
  const list = find(".commands");
  [...list.children].forEach((item, index) => {
    item.classList.toggle("past", index < step);
    item.classList.toggle("now", index === step - 1);
  });
  const now = list.querySelector(".now");
  // Not scrollIntoView: that would scroll the page, too.
  if (now) list.scrollTop = now.offsetTop - list.offsetTop - list.clientHeight / 2;
  drawCurves(step);
}

function drawCurves(step) {
  const canvas = find(".curve"), ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const last = painting.lines.length || 1;
  const across = (index) => 2 + (index / last) * (width - 4);
  for (const [values, colour] of [[painting.errors, "#c8501e"], [painting.scores, "#3b82c4"]]) {
    if (!values) continue;
    const low = Math.min(...values), range = Math.max(...values) - low || 1;
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    values.forEach((value, index) => {
      const y = height - 4 - ((value - low) / range) * (height - 8);
      index ? context.lineTo(across(index), y) : context.moveTo(across(index), y);
    });
    context.stroke();
  }
  context.strokeStyle = "#999";
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(across(step), 0);
  context.lineTo(across(step), height);
  context.stroke();
}

function stop() {
  clearInterval(timer);
  timer = null;
  find("[data-act=play]").textContent = "\u25B6";
}

function play() {
  if (timer) return stop();
  find("[data-act=play]").textContent = "\u275A\u275A";
  const count = painting.lines.length;
  let step = Number(find("input").value) >= count ? 0 : Number(find("input").value);
  const pause = Math.max(40, Math.min(350, 12000 / count));
  show(step);
  timer = setInterval(() => {
    step += 1;
    show(Math.min(step, count));
    if (step >= count) stop();
  }, pause);
}

function take() {
  stop();
  painting = props.value ? JSON.parse(props.value) : null;
  find(".player").hidden = !painting;
  find(".nothing").hidden = !!painting;
  if (!painting) return;
  find("input").max = painting.lines.length;
  const list = find(".commands");
  const measured = [painting.errors && "error", painting.scores && "score"].filter(Boolean).join(" \u00B7 ");
  find(".head").textContent = measured ? `${measured} after it` : "";
  const items = painting.lines.map((line, index) => {
    const item = document.createElement("li");
    const number = painting.numbers[index];
    const texts = [["number", number ?? ""], ["what", line], ["figures", figures(index + 1)]];
    for (const [name, text] of texts) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      item.append(part);
    }
    item.addEventListener("click", () => { stop(); show(index + 1); });
    const out = document.createElement("button");
    out.type = "button";
    out.textContent = "\u2715";
    out.title = `Leave stroke ${number} out`;
    out.hidden = number === null;
    out.addEventListener("click", (event) => {
      event.stopPropagation();
      item.classList.toggle("out");
      const left = [...list.querySelectorAll(".out .number")].map((part) => part.textContent);
      trigger("leave", { without: left.join(", ") });
    });
    item.append(out);
    return item;
  });
  list.replaceChildren(...items);
  sheet.onload = () => { show(0); play(); };
  sheet.src = painting.sheet;
}

function figures(step) {
  const parts = [];
  if (painting.errors) parts.push(painting.errors[step].toFixed(4));
  if (painting.scores) parts.push(brief(painting.scores[step]));
  return parts.join(" \u00B7 ");
}

find("input").addEventListener("input", (event) => { stop(); show(Number(event.target.value)); });
find("[data-act=play]").addEventListener("click", play);
window.addEventListener("resize", () => { if (painting) drawCurves(Number(find("input").value)); });
watch("value", take);
if (props.value) take();
