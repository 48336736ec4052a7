// The map of the flows: draws a flow with Graphviz, shows what a node says, and lights up where a call is.
"use strict";

(() => {
  const chart = document.getElementById("chart");
  const panel = document.getElementById("node");
  const hits = document.getElementById("hits");
  const where = document.getElementById("where");
  const flows = document.getElementById("flow");
  const calls = document.getElementById("call");
  const days = document.getElementById("days");
  const search = document.getElementById("search");
  const graphviz = Viz.instance();
  const charts = new Map();
  const AWAY = "Redis 没有应答，看不到现在的通话。";
  const HEAT_MS = 60000;
  const LOST = "和服务的连接断了，看不到现在的通话。";
  const LOST_MS = 3000; // streams end now and then, and are there again at once
  const NOBODY = "现在没有通话。";

  let drawn = null; // the flow in the chart: its name, and which edges each of its lines stands for
  let scale = 0; // 0: as large as fits
  let live = { calls: [], here: {}, flows: {}, all: 0 };
  let wanted = chart.dataset.flow;
  let drawing = Promise.resolve();
  let opened = null; // the node in the panel
  let lost = 0;

  const named = (id) => chart.querySelector(`[id="${CSS.escape(id)}"]`);

  // A chart is kept for as long as nothing in it can be new; the heat changes.
  async function read(flow, heat) {
    const url = `/flows/chart?flow=${encodeURIComponent(flow)}&days=${heat}`;
    if (!charts.has(url)) {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`No chart of ${flow}.`);
      charts.set(url, await answer.json());
      if (heat) setTimeout(() => charts.delete(url), HEAT_MS);
    }
    return charts.get(url);
  }

  // Draws are done one after the other: who asks for another flow meanwhile gets that one last.
  function draw(flow) {
    wanted = flow;
    drawing = drawing.then(async () => {
      const heat = days.value; // may be another one when the chart has come
      if (drawn?.flow === flow && drawn.days === heat) return;
      const made = await read(flow, heat);
      const svg = (await graphviz).renderSVGElement(made.dot);
      drawn = { flow, days: heat, heat: made.heat, ways: made.ways, version: made.version, width: parseFloat(svg.getAttribute("width")), svg };
      svg.querySelectorAll("title").forEach((title) => title.remove());
      svg.setAttribute("role", "group");
      svg.setAttribute("aria-label", flow || "总览");
      svg.querySelectorAll(".node").forEach(prepare);
      chart.replaceChildren(svg);
      chart.dataset.flow = flow;
      flows.value = flow;
      document.getElementById("drawn").textContent = flows.selectedOptions[0].textContent;
      resize();
      const first = chart.querySelector(".node.start, .node");
      if (first) show(first);
    }).catch(() => { chart.textContent = "这张图画不出来，请重新打开页面。"; drawn = null; });
    return drawing;
  }

  function prepare(node, place) {
    const words = [...node.querySelectorAll("text")].map((text) => text.textContent).join(" ");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", words);
    node.setAttribute("tabindex", place ? "-1" : "0");
    if (["start", "menus", "again", "missing"].some((kind) => node.classList.contains(kind))) node.classList.add("bare");
  }

  function resize() {
    if (!drawn) return;
    const fits = (chart.clientWidth - 8) / (drawn.width * 4 / 3);
    const factor = scale || Math.min(1, Math.max(fits, 0.55));
    drawn.svg.setAttribute("width", `${drawn.width * 4 / 3 * factor}`);
    drawn.svg.removeAttribute("height");
    drawn.scale = factor;
  }

  function zoom(by) {
    scale = Math.min(3, Math.max(0.2, (drawn?.scale ?? 1) * by));
    resize();
  }

  async function open(flow, node) {
    await draw(flow);
    const there = named(`at.${flow}.${node}`);
    chart.querySelectorAll(".chosen").forEach((one) => one.classList.remove("chosen"));
    if (there) { there.classList.add("chosen"); show(there); }
    await tellNode(flow, node);
    history.replaceState(null, "", `/flows?flow=${encodeURIComponent(flow)}&node=${encodeURIComponent(node)}`);
  }

  // Of several that were asked for the last one is told, whichever answer comes last.
  async function tellNode(flow, node) {
    opened = { flow, node };
    const mine = opened;
    const answer = await fetch(`/flows/node?flow=${encodeURIComponent(flow)}&node=${encodeURIComponent(node)}&days=${days.value}`);
    const told = answer.ok ? await answer.text() : "";
    if (told && mine === opened) panel.innerHTML = told;
  }

  function show(node) {
    const box = node.getBoundingClientRect(), room = chart.getBoundingClientRect();
    chart.scrollBy(box.left - room.left - (room.width - box.width) / 2, box.top - room.top - (room.height - box.height) / 2);
  }

  function chosen(node) {
    const [, flow, name] = node.id.split(".");
    if (name === "START") { if (flow !== drawn.flow) { follow(""); draw(flow); } return; }
    if (flow !== "HOTLINE" && name !== "MENUS" && name !== "again") open(flow, name);
  }

  // --- where calls are ---

  function follow(name) { calls.value = name; }

  function followed() {
    if (calls.value === "*") return live.calls[0];
    return live.calls.find((call) => call.name === calls.value);
  }

  function choices() {
    const chosenNow = calls.value;
    const wanted = live.calls.map((call) => [call.name, `${call.since} ${call.name}`]);
    const have = [...calls.options].slice(2).map((option) => option.value);
    if (have.join() === wanted.map(([name]) => name).join()) return;
    while (calls.options.length > 2) calls.remove(2);
    for (const [name, text] of wanted) calls.add(new Option(text, name));
    calls.value = chosenNow;
    if (calls.selectedIndex < 0) calls.value = "*";
  }

  async function light() {
    const call = followed();
    if (call && call.flow && drawn?.flow !== "*") await draw(call.flow);
    chart.querySelectorAll(".here, .walked, .someone").forEach((one) => one.classList.remove("here", "walked", "someone"));
    for (const id of Object.keys(live.here)) named(id)?.classList.add("someone");
    if (drawn?.flow === "") {
      for (const flow of Object.keys(live.flows)) named(`at.${flow}.START`)?.classList.add("someone");
    }
    const cold = drawn && drawn.days && !drawn.heat ? "数据库没有应答，看不到热度。" : "";
    if (!call) { tell((live.all ? `现在有 ${live.all} 通通话。` : NOBODY) + cold); return; }
    const there = named(call.at);
    if (there) { there.classList.add("here"); show(there); }
    drawn?.ways.forEach((edges, number) => {
      if (edges.some((edge) => call.ways.includes(edge))) named(`way.${number}`)?.classList.add("walked");
    });
    const other = drawn && call.version !== drawn.version ? "（这通电话用的是另一个版本的流程）" : "";
    tell(`通话 ${call.name}，${call.since} 打进 ${call.hotline}：${call.flows.join(" › ")} / ${call.node}${other}。现在共 ${live.all} 通。${cold}`);
  }

  function tell(text) { if (where.textContent !== text) where.textContent = text; }

  const stream = new EventSource("/flows/live");
  stream.onopen = () => clearTimeout(lost);
  stream.onerror = () => {
    clearTimeout(lost);
    lost = setTimeout(() => tell(LOST), LOST_MS);
  };
  stream.onmessage = (event) => {
    const seen = JSON.parse(event.data);
    if (seen.away) { tell(AWAY); return; }
    live = seen;
    choices();
    light();
  };

  // --- what people do ---

  flows.addEventListener("change", () => { follow(""); draw(flows.value).then(light); });
  calls.addEventListener("change", light);
  days.addEventListener("change", () => {
    draw(wanted).then(light);
    if (opened) tellNode(opened.flow, opened.node);
  });
  document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("larger").addEventListener("click", () => zoom(1.25));
  document.getElementById("smaller").addEventListener("click", () => zoom(0.8));
  document.getElementById("fit").addEventListener("click", () => { scale = 0; resize(); });
  addEventListener("resize", () => { if (!scale) resize(); });

  chart.addEventListener("click", (event) => {
    const node = event.target.closest(".node");
    if (node) chosen(node);
  });
  chart.addEventListener("keydown", (event) => {
    const node = event.target.closest?.(".node");
    const all = [...chart.querySelectorAll(".node")];
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (node && step) {
      const next = all[(all.indexOf(node) + step + all.length) % all.length];
      node.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus({ preventScroll: true });
      show(next);
      event.preventDefault();
    } else if (node && (event.key === "Enter" || event.key === " ")) {
      chosen(node);
      event.preventDefault();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-flow]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow("");
    if (link.dataset.node) open(link.dataset.flow, link.dataset.node);
    else draw(link.dataset.flow).then(light);
  });

  let asked = 0;
  search.addEventListener("input", async () => {
    const number = ++asked;
    await new Promise((go) => setTimeout(go, 150));
    if (number !== asked) return;
    const answer = await fetch(`/flows/search?q=${encodeURIComponent(search.value)}`);
    if (number !== asked || !answer.ok) return;
    hits.innerHTML = await answer.text();
    hits.hidden = !hits.firstElementChild;
  });

  if (chart.dataset.flow) follow(""); // whoever came for one flow stays there
  draw(chart.dataset.flow).then(light);
})();
