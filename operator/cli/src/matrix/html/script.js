"use strict";
for (const picture of document.querySelectorAll(".picture")) {
  const svg = picture.querySelector("svg"), said = picture.querySelector(".said"), quiet = said.textContent;
  const nodes = [...svg.querySelectorAll(".node")], flows = [...svg.querySelectorAll(".flow")];
  let pinned = null;
  const clear = () => {
    svg.classList.remove("asked");
    for (const one of [...nodes, ...flows]) one.classList.remove("hot", "near", "in", "out");
    said.textContent = quiet;
  };
  const show = (node) => {
    clear();
    if (!node) return;
    const number = node.dataset.node, told = [];
    svg.classList.add("asked");
    node.classList.add("hot");
    for (const flow of flows) {
      const out = flow.dataset.from === number, into = flow.dataset.to === number;
      if (!out && !into) continue;
      flow.classList.add(out ? "out" : "in");
      nodes[Number(out ? flow.dataset.to : flow.dataset.from)].classList.add("near");
      told.push(flow.querySelector("title").textContent);
    }
    said.textContent = told.length ? told.join("\n") : node.dataset.name + ": no flow";
  };
  for (const node of nodes) {
    node.addEventListener("mouseenter", () => pinned || show(node));
    node.addEventListener("mouseleave", () => pinned || show(null));
    node.addEventListener("focus", () => pinned || show(node));
    node.addEventListener("blur", () => pinned || show(null));
    const pin = () => { pinned = pinned === node ? null : node; show(pinned); };
    node.addEventListener("click", pin);
    node.addEventListener("keydown", (event) => { if (event.key === "Enter") pin(); });
  }
}
