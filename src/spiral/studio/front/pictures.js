// Pictures side by side, each with a caption; a click on one tells which. Its value is JSON: see `listed`.
function take() {
  const pictures = props.value ? JSON.parse(props.value) : [];
  const buttons = pictures.map(({ source, caption }, index) => {
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    image.src = source;
    image.alt = caption || `picture ${index + 1}`;
    const words = document.createElement("span");
    words.textContent = caption;
    button.append(image, words);
    button.addEventListener("click", () => trigger("choose", { index }));
    return button;
  });
  element.querySelector(".pictures").replaceChildren(...buttons);
}
watch("value", take);
take();
