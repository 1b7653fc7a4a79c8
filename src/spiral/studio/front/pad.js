// A pad to draw on, white on black; its value is a PNG as a data URL, or "" while nothing is drawn.
const canvas = element.querySelector("canvas");
const context = canvas.getContext("2d");
const strokes = []; // each a list of points

function repaint() {
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#fff";
  context.lineWidth = canvas.width / 12;
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) {
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points) context.lineTo(...point);
    context.stroke();
  }
}

function done() {
  props.value = strokes.length ? canvas.toDataURL("image/png") : "";
  trigger("change");
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

let drawing = false;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  drawing = true;
  strokes.push([place(event)]);
  repaint();
});
canvas.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  // A quick hand moves further between two frames than one event tells.
  const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const move of moves.length ? moves : [event]) strokes[strokes.length - 1].push(place(move));
  repaint();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    if (drawing) { drawing = false; done(); }
  });
}
element.querySelector("[data-act=undo]").addEventListener("click", () => { strokes.pop(); repaint(); done(); });
element.querySelector("[data-act=clear]").addEventListener("click", () => { strokes.length = 0; repaint(); done(); });
repaint();
