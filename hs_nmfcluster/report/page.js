"use strict";
// What a reader can do with a report: without this script it is complete, but stands still.
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, attributes = {}, ...children) => {
    const svg = ["svg", "g", "path", "line", "text", "rect", "title"].includes(name);
    const element = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // Numbers and names, as the package writes them.
  const NUMERALS = [[100, "c"], [90, "xc"], [50, "l"], [40, "xl"], [10, "x"], [9, "ix"], [5, "v"], [4, "iv"], [1, "i"]];
  const groupName = (group) => {
    let name = "", rest = group + 1;
    for (const [value, numeral] of NUMERALS) {
      name += numeral.repeat(Math.floor(rest / value));
      rest %= value;
    }
    return name;
  };
  const short = (value, digits = 4) => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : "–");
  const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
  const withError = (value, error) => {
    if (!(error > 0)) return short(value, 3);
    const first = Math.floor(Math.log10(error));
    const digits = Math.max(0, -first + (error < 2 * 10 ** first ? 1 : 0));
    return `${value.toFixed(digits)} ± ${error.toFixed(digits)}`;
  };
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  // Tables: the text of the CSV files is what their links hold.
  const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const parseCsv = (text) => {
    const rows = [[]];
    for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
      rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
      if (end === "\n") rows.push([]);
    }
    rows.pop();
    return rows;
  };
  const writeCsv = (rows) =>
    rows.map((row) => row.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",") + "\n").join("");
  const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));
  const shown = (cell) => (isNumber(cell) && /[.e]/.test(cell) ? short(Number(cell)) : cell);

  const ROWS_SHOWN = 300;
  const tables = {};
  class Table {
    constructor(element) {
      this.element = element;
      this.name = element.dataset.name;
      this.link = element.closest("details").querySelector("a[download]");
      const bytes = fromBase64(this.link.href.split(",")[1]);
      [this.columns, ...this.rows] = parseCsv(new TextDecoder().decode(bytes));
      this.own = { href: this.link.href, name: this.link.download, rows: this.rows };
      this.sorted = null;
      [...element.tHead.rows[0].cells].forEach((head, column) => {
        const button = make("button", { type: "button" }, head.textContent);
        button.addEventListener("click", () => this.sort(column));
        head.replaceChildren(button);
      });
    }
    column(name) { return this.columns.indexOf(name); }
    get(row, name) { return row[this.column(name)]; }
    sort(column) {
      const [last, up] = this.sorted ?? [];
      this.sorted = [column, last === column ? !up : true];
      [...this.element.tHead.rows[0].cells].forEach((head, i) => {
        if (i === column) head.setAttribute("aria-sort", this.sorted[1] ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      this.draw();
    }
    inOrder() {
      if (!this.sorted) return this.rows;
      const [column, up] = this.sorted;
      const groups = this.columns[column] === "group";
      const key = (cell) => (groups ? names.get(cell) ?? cell : isNumber(cell) ? Number(cell) : cell);
      const compare = (one, other) => {
        const [a, b] = [key(one[column]), key(other[column])];
        // What is not known stands last, whichever way.
        if (a === "" || b === "") return (a === "") - (b === "");
        const order = typeof a === typeof b ? (a < b ? -1 : Number(a > b)) : typeof a === "number" ? -1 : 1;
        return up ? order : -order;
      };
      return [...this.rows].sort(compare);
    }
    draw() {
      const body = this.element.tBodies[0];
      body.replaceChildren(...this.inOrder().slice(0, ROWS_SHOWN).map((cells) => {
        const row = make("tr", {}, ...cells.map((cell) => make("td", {}, shown(cell))));
        prepareRow(this, row, cells);
        return row;
      }));
    }
    replace(rows, suffix) {
      this.rows = rows ?? this.own.rows;
      this.link.href = rows
        ? "data:text/csv;charset=utf-8;base64," + btoa(String.fromCharCode(...new TextEncoder().encode(writeCsv([this.columns, ...rows]))))
        : this.own.href;
      this.link.download = rows ? this.own.name.replace(".csv", suffix + ".csv") : this.own.name;
      this.draw();
    }
  }

  let names = new Map();
  let chooseRow = () => {};
  const prepareRow = (table, row, cells) => {
    const at = table.column("component");
    const group = table.column("group");
    if (at < 0 && table.name !== "groups") return;
    row.tabIndex = 0;
    const act = () => chooseRow(table, cells, at < 0 ? null : Number(cells[at]), cells[group]);
    row.addEventListener("click", act);
    row.addEventListener("keydown", (event) => event.key === "Enter" && act());
  };
  for (const element of document.querySelectorAll("table.data")) {
    tables[element.dataset.name] = new Table(element);
  }

  // Figures
  const dialog = $("enlarged");
  for (const image of document.querySelectorAll(".figures img")) {
    image.tabIndex = 0;
    image.setAttribute("role", "button");
    image.setAttribute("aria-label", `Enlarge: ${image.alt}`);
    const enlarge = () => {
      dialog.replaceChildren(make("img", { src: image.src, alt: image.alt }));
      dialog.showModal();
    };
    image.addEventListener("click", enlarge);
    image.addEventListener("keydown", (event) => event.key === "Enter" && enlarge());
  }
  dialog.addEventListener("click", () => dialog.close());

  // Paper has nothing to open.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
  });
  window.addEventListener("afterprint", () => closed.forEach((details) => (details.open = false)));

  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  const island = $("explorable");
  if (!island) {
    for (const table of Object.values(tables)) table.draw();
    return;
  }
  const data = JSON.parse(island.textContent);
  const N = data.labels.length;

  const unpack = async ({ shape, type, data: text }) => {
    const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    const buffer = await new Response(stream).arrayBuffer();
    return { shape, values: new { u1: Uint8Array, u2: Uint16Array }[type](buffer) };
  };

  // Cuts: a merge is kept where its threshold is at most the distance.
  const STEPS = (() => {
    const sorted = [...data.thresholds].sort((a, b) => a - b);
    const top = sorted.at(-1) ?? 0;
    const beyond = top + Math.max(0.02 * top, 1e-4);
    const edges = [0, ...sorted, 2 * beyond - top];
    const places = [];
    for (let i = 0; i + 1 < edges.length; i++) {
      if (edges[i + 1] - edges[i] > 1e-6 * beyond) places.push((edges[i] + edges[i + 1]) / 2);
    }
    return places;
  })();
  const cutAt = (distance) => {
    const top = Int32Array.from({ length: 2 * N - 1 }, (_, node) => node);
    for (let merge = data.merges.length - 1; merge >= 0; merge--) {
      if (data.thresholds[merge] > distance) continue;
      for (const node of data.merges[merge]) top[node] = top[N + merge];
    }
    const members = new Map();
    for (let k = 0; k < N; k++) {
      if (!members.has(top[k])) members.set(top[k], []);
      members.get(top[k]).push(k);
    }
    const isMatrix = (own) => !own.some((k) => data.crystalline[k]);
    const groups = [...members.values()].sort((a, b) => isMatrix(a) - isMatrix(b) || a[0] - b[0]);
    return describe(groups);
  };
  const describe = (groups) => {
    const labels = new Array(N);
    groups.forEach((own, group) => own.forEach((k) => (labels[k] = group)));
    const matrix = groups.map((own) => !own.some((k) => data.crystalline[k]));
    return { groups, labels, matrix };
  };
  const ownCut = (() => {
    const groups = [];
    data.labels.forEach((group, k) => (groups[group] ??= []).push(k));
    return { ...describe(groups), own: true };
  })();

  const state = { cut: ownCut, distance: null, component: null, branch: null, group: null, place: null, particle: null };
  const isLit = (component) => {
    if (state.branch) return state.branch.includes(component);
    // A position of the matrix leaves the map as it is.
    if (state.component !== null && data.crystalline[state.component]) return component === state.component;
    return state.group === null || state.cut.labels[component] === state.group;
  };
  const color = (group) => (state.cut.matrix[group] ? data.matrix_color : data.colors[group % data.colors.length]);
  const nameOf = (group) => groupName(group) + (state.cut.matrix[group] ? " (matrix)" : "");

  // What the tables know of particles and angles.
  const particles = tables.particles
    ? tables.particles.own.rows.map((row, index) => {
      const value = (name) => Number(tables.particles.get(row, name) || NaN);
      return {
        index, component: value("component"), x: value("x"), y: value("y"), diameter: value("diameter"), sigma: value("sigma"),
        long: value("long_axis"), short: value("short_axis"), angle: value("axis_angle"),
        edge: tables.particles.get(row, "at_edge") === "True", units: tables.particles.get(row, "units"),
      };
    })
    : [];
  const angles = new Map();
  if (tables.orientations) {
    for (const row of tables.orientations.own.rows) {
      const angle = tables.orientations.get(row, "angle");
      if (angle !== "") angles.set(Number(tables.orientations.get(row, "component")), `${Number(angle).toFixed(1)}° (mod ${short(Number(tables.orientations.get(row, "period")))}°)`);
    }
  }

  // Images
  const ramp = (stops) => {
    const rgb = stops.map((stop) => [1, 3, 5].map((i) => parseInt(stop.slice(i, i + 2), 16)));
    return Uint8Array.from({ length: 768 }, (_, i) => {
      const at = (Math.floor(i / 3) / 255) * (rgb.length - 1);
      const low = Math.min(Math.floor(at), rgb.length - 2);
      return rgb[low][i % 3] + (at - low) * (rgb[low + 1][i % 3] - rgb[low][i % 3]);
    });
  };
  const INFERNO = ramp(["#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4"]);
  const POWER = 0.45, BRIGHTEST = 254, NOT_MEASURED = 255;
  const decode = ({ shape: [, rows, columns], values, step }, number, brightest = 1) => {
    const size = rows * columns;
    const image = Float32Array.from(values.subarray(number * size, (number + 1) * size),
      (byte) => (byte === NOT_MEASURED ? NaN : brightest * (byte / BRIGHTEST) ** (1 / POWER)));
    return { rows, columns, image, step };
  };
  const drawPattern = (canvas, { rows, columns, image }) => {
    canvas.width = columns;
    canvas.height = rows;
    let top = 0;
    for (const value of image) if (value > top) top = value;
    top *= 10 ** Number($("brightest").value) || 1;
    const power = Number($("scaling").value);
    const pixels = new ImageData(columns, rows);
    image.forEach((value, i) => {
      const share = Math.min(value / top, 1);
      const level = Number.isNaN(value) ? -1 : Math.round(255 * (power > 0 ? share ** power : Math.log1p(999 * share) / Math.log(1000)));
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = level < 0 ? 140 : INFERNO[3 * level + c];
      pixels.data[4 * i + 3] = 255;
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  };

  // Where the mouse is in a pattern: distance from the beam, and the spacing that scatters there.
  const sayPattern = (canvas, { rows, columns, image, step }) => (event) => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * columns, ((event.clientY - box.top) / box.height) * rows];
    const { center, matrix, units, per_nm: perNm } = data.detector;
    const away = [x * step - 0.5 - center[0], y * step - 0.5 - center[1]];
    const r = Math.hypot(...matrix.map(([a, b]) => a * away[0] + b * away[1]));
    const value = image[Math.min(Math.floor(y), rows - 1) * columns + Math.min(Math.floor(x), columns - 1)];
    const share = value / image.reduce((top, one) => (one > top ? one : top), 0);
    $("hover").textContent = `r = ${short(r, 3)} ${units}${perNm && r > 0 ? ` (${short(1 / (r * perNm), 3)} nm)` : ""}: `
      + (Number.isNaN(value) ? "left out" : `${short(100 * share, 2)} % of the brightest`);
  };

  const start = async () => {
    const { step } = data.patterns;
    const patterns = { components: { ...await unpack(data.patterns.components), step }, groups: { ...await unpack(data.patterns.groups), step } };
    const map = data.map && { ...data.map, components: await unpack(data.map.components), heights: await unpack(data.map.heights) };
    const measured = data.measured && { places: new Map(data.measured.places.map((place, i) => [place, i])), patterns: { ...await unpack(data.measured.patterns), step: data.measured.step } };
    const brightest = data.patterns.brightest;

    // Map
    const canvas = $("map");
    const [, rows, columns] = map ? map.components.shape : [0, 0, 0];
    const size = rows * columns;
    const layer = (depth, place) => {
      const component = map.components.values[depth * size + place];
      return component === 65535 ? null : { component, height: map.heights.values[depth * size + place] / 255 };
    };
    const atPlace = (place) => [0, 1, 2, 3].map((depth) => layer(depth, place)).filter((one) => one && one.height > 0);
    // Of those that are at half their height or more the least widespread; else the strongest.
    const mainAt = (place) => {
      const here = atPlace(place);
      const clear = here.filter((one) => one.height >= 0.5).sort((a, b) => map.spread[a.component] - map.spread[b.component]);
      return (clear[0] ?? here[0])?.component ?? null;
    };
    const hidden = document.createElement("canvas");
    const paintMap = () => {
      const pixels = new ImageData(columns, rows);
      const contrast = Number($("opacity").value);
      const paints = state.cut.groups.map((_, group) => [1, 3, 5].map((i) => parseInt(color(group).slice(i, i + 2), 16)));
      const lit = state.cut.labels.map((_, component) => isLit(component));
      for (let place = 0; place < size; place++) {
        const rgb = [255, 255, 255];
        const here = atPlace(place).sort((a, b) => map.spread[b.component] - map.spread[a.component]);
        for (const { component, height } of here) {
          const group = state.cut.labels[component];
          const opacity = Math.min(1, contrast * height) * (!lit[component] ? 0.12 : state.cut.matrix[group] ? 0.4 : 1);
          const paint = paints[group];
          for (let c = 0; c < 3; c++) rgb[c] += opacity * (paint[c] - rgb[c]);
        }
        pixels.data.set([...rgb, 255], 4 * place);
      }
      hidden.width = columns;
      hidden.height = rows;
      hidden.getContext("2d").putImageData(pixels, 0, 0);
      drawMap();
    };
    const aspect = map ? map.pixel.aspect : 1;
    const toPixel = ({ x, y }) => [x / map.pixel.x / map.step + (0.5 / map.step), y / map.pixel.y / map.step + (0.5 / map.step)];
    const drawMap = () => {
      const scale = Math.max(1, Math.min(24, Math.round((900 * (window.devicePixelRatio > 1 ? 1.5 : 1)) / Math.max(columns, rows * aspect))));
      canvas.width = columns * scale;
      // A line of positions is drawn as a band.
      canvas.height = Math.max(rows * scale * aspect, canvas.width / 8);
      const vertical = canvas.height / rows;
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      context.drawImage(hidden, 0, 0, canvas.width, canvas.height);
      if ($("outlines").checked) {
        for (const particle of particles) {
          const lit = state.particle === particle.index || isLit(particle.component);
          const [x, y] = toPixel(particle);
          const radius = (length) => Math.max(Number.isFinite(length) ? length / map.pixel.x / map.step / 2 : 0.5, 0.5) * scale;
          context.beginPath();
          context.ellipse(x * scale, y * vertical, radius(particle.long), radius(particle.short), ((particle.angle || 0) * Math.PI) / 180, 0, 2 * Math.PI);
          context.setLineDash(particle.edge ? [5, 4] : []);
          context.globalAlpha = lit ? 1 : 0.15;
          // Of a small one the colour is to be seen, not the outline alone.
          context.lineWidth = state.particle === particle.index ? 4 : Math.min(1.6, Math.max(radius(particle.short) / 8, 0.4));
          context.strokeStyle = "#000";
          context.stroke();
          context.globalAlpha = 1;
        }
      }
      if (state.place !== null) {
        const x = ((state.place % columns) + 0.5) * scale, y = (Math.floor(state.place / columns) + 0.5) * vertical;
        context.setLineDash([]);
        for (const [width, style] of [[4, "#fff"], [2, "#b00020"]]) {
          context.lineWidth = width;
          context.strokeStyle = style;
          context.beginPath();
          context.moveTo(x - 12, y); context.lineTo(x - 4, y); context.moveTo(x + 4, y); context.lineTo(x + 12, y);
          context.moveTo(x, y - 12); context.lineTo(x, y - 4); context.moveTo(x, y + 4); context.lineTo(x, y + 12);
          context.stroke();
        }
      }
    };
    const coordinates = (place) => {
      const step = map.step, column = (place % columns) * step, row = Math.floor(place / columns) * step;
      const x = (column + (step - 1) / 2) * map.pixel.x, y = (row + (step - 1) / 2) * map.pixel.y;
      return `x = ${short(x)}${map.shape[0] > 1 ? `, y = ${short(y)}` : ""} ${map.pixel.units}`;
    };
    const particleAt = (place) => {
      const px = (place % columns) + 0.5, py = Math.floor(place / columns) + 0.5;
      let best = null, nearest = Infinity;
      for (const particle of particles) {
        const [x, y] = toPixel(particle);
        const away = Math.hypot(px - x, py - y);
        const radius = Math.max((particle.diameter || 0) / map.pixel.x / map.step / 2, 0.8);
        if (away <= radius && away < nearest) [best, nearest] = [particle.index, away];
      }
      return best;
    };

    // Patterns of what is chosen
    const panels = $("patterns");
    const unsay = () => ($("hover").textContent = "");
    const panel = (title, note, image) => {
      const shownOn = make("canvas", { role: "img", "aria-label": `${title}. ${note}` });
      drawPattern(shownOn, image);
      shownOn.addEventListener("mousemove", sayPattern(shownOn, image));
      shownOn.addEventListener("mouseleave", unsay);
      return make("figure", {}, shownOn, make("figcaption", {}, make("strong", {}, title), ` ${note}`));
    };
    const model = (place) => {
      const parts = atPlace(place);
      const first = decode(patterns.components, 0);
      const image = new Float32Array(first.image.length);
      for (const { component, height } of parts) {
        const own = decode(patterns.components, component, brightest[component]).image;
        for (let i = 0; i < image.length; i++) image[i] += height * map.peaks[component] * own[i];
      }
      return { ...first, image };
    };
    const hasAverage = (group) => state.cut.own && group < patterns.groups.shape[0];
    const ofGroup = (group) => {
      const first = state.cut.groups[group][0];
      return hasAverage(group)
        ? panel(`Group ${nameOf(group)}`, "average, turned onto each other", decode(patterns.groups, group))
        : panel(`Group ${nameOf(group)}`, `its strongest component, ${first}`, decode(patterns.components, first));
    };
    const drawPatterns = () => {
      const drawn = [];
      const { component, place } = state;
      const group = component === null ? state.group : state.cut.labels[component];
      const ofComponent = (k) => drawn.push(panel(`Component ${k}`, `group ${nameOf(state.cut.labels[k])}`, decode(patterns.components, k)));
      if (place !== null) {
        const steps = map.step, full = Math.floor(place / columns) * steps * map.shape[1] + (place % columns) * steps;
        const known = measured && [full, ...nearby(full)].find((one) => measured.places.has(one));
        if (known !== undefined && known !== null) drawn.push(panel("Measured", "here, the direct beam dimmed", decode(measured.patterns, measured.places.get(known))));
        drawn.push(panel("Components", "that are here, added up", model(place)));
      }
      if (component !== null) ofComponent(component);
      state.branch?.slice(0, 4).forEach(ofComponent);
      if (group !== null && (component === null || hasAverage(group))) drawn.push(ofGroup(group));
      // Nothing is chosen: the first groups.
      if (!drawn.length) {
        for (const other of [...state.cut.groups.keys()].slice(0, 4)) drawn.push(ofGroup(other));
      }
      panels.replaceChildren(...drawn);
    };
    // Where patterns of particles alone are kept, a position in the middle of one has its pattern.
    const nearby = (full) => {
      if (state.particle === null || !map) return [];
      const { x, y } = particles[state.particle];
      return [Math.round(y / map.pixel.y) * map.shape[1] + Math.round(x / map.pixel.x), full];
    };

    // Words for what is chosen
    const aboutParticle = (index) => {
      const p = particles[index];
      const size = Number.isFinite(p.diameter) ? `${withError(p.diameter, p.sigma)} ${p.units} across` : "too small to measure";
      return `particle ${index + 1}, ${p.edge ? `cut by the edge, at least ${short(p.diameter, 3)} ${p.units} across` : size}`;
    };
    // Of several scans: which one, and the component's number there.
    const ofScan = (component) => {
      const table = tables.components;
      const row = table?.column("scan") >= 0 && table.own.rows.find((cells) => Number(table.get(cells, "component")) === component);
      return row ? ` (${table.get(row, "component_of_scan")} of ${table.get(row, "scan")})` : "";
    };
    // With the error that the report's own cut has; of another cut nobody has measured one.
    const meanDiameter = (whole) => {
      const known = state.cut.own && tables.groups?.own.rows.find((row) => tables.groups.get(row, "group") === groupName(state.group));
      if (known) return withError(...["mean_diameter", "mean_diameter_sigma"].map((name) => Number(tables.groups.get(known, name))));
      const text = mean(whole.map((p) => p.diameter)).toPrecision(3);
      return text.includes("e") ? String(Number(text)) : text;
    };
    const say = () => {
      const parts = [];
      const { component, branch, place, particle } = state;
      const within = (members) => counted(particles.filter((p) => members.includes(p.component)).length, "particle");
      if (place !== null) parts.push(coordinates(place));
      if (particle !== null) parts.push(aboutParticle(particle));
      if (component !== null) {
        parts.push(`component ${component}${ofScan(component)}`, `group ${nameOf(state.cut.labels[component])}`);
        if (angles.has(component)) parts.push(`angle ${angles.get(component)}`);
        if (place === null && tables.particles) parts.push(within([component]));
      } else if (branch) {
        const own = [...new Set(branch.map((k) => state.cut.labels[k]))].sort((a, b) => a - b);
        parts.push(`branch of ${counted(branch.length, "component")}: ${branch.join(", ")}`, `group${own.length > 1 ? "s" : ""} ${own.map(nameOf).join(", ")}`);
        if (tables.particles) parts.push(within(branch));
      } else if (state.group !== null) {
        const members = state.cut.groups[state.group];
        const its = particles.filter((p) => state.cut.labels[p.component] === state.group);
        parts.push(`group ${nameOf(state.group)}`, counted(members.length, "component"));
        if (tables.particles) parts.push(within(members));
        const whole = its.filter((p) => !p.edge && Number.isFinite(p.diameter));
        if (whole.length) parts.push(`${meanDiameter(whole)} ${whole[0].units} across on average`);
      }
      $("readout").textContent = parts.length ? `${parts.join("; ")}.` : map ? "Nothing is chosen." : "Choose a group, or a component in the tree.";
    };

    // Groups
    const drawChips = () => {
      $("chips").replaceChildren(...state.cut.groups.map((members, group) => {
        const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
        swatch.style.background = color(group);
        const pressed = state.group === group && state.component === null;
        const button = make("button", { type: "button", "aria-pressed": String(pressed), "data-group": group },
          swatch, `${groupName(group)}${state.cut.matrix[group] ? " matrix" : ""} · ${members.length}`);
        button.addEventListener("click", () => choose({ group: pressed ? null : group }));
        return button;
      }));
    };

    // Tree
    const drawTree = () => {
      const { x, y, children, leaves, order, inverted, label } = data.tree;
      const width = Math.max(320, Math.min($("tree").clientWidth, 1100)), left = 48, right = 50, line = 15, count = leaves.length;
      // Of a high tree the scale stands above it too.
      const top = count > 40 ? 40 : 10, base = top + count * line + 2, height = base + 34;
      const most = Math.max(...x, state.distance ?? 0, 1e-9) * 1.04, least = Math.min(...x, 0);
      const px = (distance) => left + ((distance - least) / (most - least)) * (width - left - right);
      const py = (place) => top + (place + 0.5) * line;
      const groupOf = leaves.map((own) => {
        const found = new Set(own.map((k) => state.cut.labels[k]));
        return found.size === 1 ? [...found][0] : null;
      });
      children.forEach(([a, b]) => groupOf.push(groupOf[a] !== null && groupOf[a] === groupOf[b] ? groupOf[a] : null));
      const svg = make("svg", { class: "tree", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Tree of the components" });
      svg.style.maxWidth = `${width}px`;
      children.forEach(([a, b], merge) => {
        const node = count + merge, across = px(x[node]);
        const part = (child) => `M${px(x[child]).toFixed(1)} ${py(y[child]).toFixed(1)}H${across.toFixed(1)}`;
        for (const [path, owner] of [[part(a), a], [part(b), b], [`M${across.toFixed(1)} ${py(y[a]).toFixed(1)}V${py(y[b]).toFixed(1)}`, node]]) {
          svg.append(make("path", { d: path, stroke: groupOf[owner] === null ? "#30363d" : color(groupOf[owner]), "data-node": owner }));
        }
      });
      for (const merge of inverted) {
        svg.append(make("path", { class: "inverted", d: `M${px(x[count + merge]).toFixed(1)} ${py(y[count + merge]).toFixed(1)}l8 -4v8z` }));
      }
      order.forEach((leaf, place) => {
        const own = leaves[leaf], group = groupOf[leaf];
        const says = own.length === 1 ? String(own[0]) : `(${own.length})`;
        const name = own.length === 1 ? `component ${own[0]}` : `branch of ${own.length} components`;
        const text = make("text", { x: left - 8, y: py(place) + 4, "text-anchor": "end", fill: group === null ? "#30363d" : color(group) }, says);
        const chosen = state.branch ? state.branch === own : own.includes(state.component);
        const item = make("g", {
          class: chosen ? "leaf chosen" : "leaf", tabindex: 0, role: "button", "data-leaf": leaf, "aria-pressed": String(chosen),
          "aria-label": name + (group === null ? "" : `, group ${nameOf(group)}`),
        }, make("rect", { x: 0, y: py(place) - line / 2, width: left, height: line, fill: "transparent" }), text);
        const act = () => choose(own.length > 1 ? { branch: own } : { component: own[0] });
        item.addEventListener("click", act);
        item.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          act();
          $("tree").querySelector(`[data-leaf="${leaf}"]`).focus();
        });
        svg.append(item);
      });
      for (let first = 0, next; first < count; first = next) {
        const group = groupOf[order[first]];
        for (next = first + 1; next < count && groupOf[order[next]] === group; ) next++;
        if (group === null) continue;
        const at = width - right + 6, middle = (py(first) + py(next - 1)) / 2 + 4;
        svg.append(make("g", { class: "name", "data-group": group, "aria-hidden": "true" },
          make("path", { d: `M${at} ${py(first) - 5}V${py(next - 1) + 5}`, stroke: color(group) }),
          make("text", { x: at + 5, y: middle, fill: color(group) }, groupName(group))));
        svg.lastChild.addEventListener("click", () => choose({ group }));
      }
      if (state.distance !== null) {
        svg.append(make("line", { class: "cut", x1: px(state.distance), x2: px(state.distance), y1: top - 6, y2: base - 2 }));
      }
      const power = 10 ** Math.floor(Math.log10((most - least) / 4));
      const step = [5, 2, 1].find((digit) => 4 * digit * power <= most - least) * power;
      const scale = (line, numbers, name) => {
        svg.append(make("path", { d: `M${left} ${line}H${width - right}`, stroke: "#57606a" }));
        for (let i = Math.ceil(least / step); i * step <= most; i++) {
          const at = px(i * step);
          svg.append(make("path", { d: `M${at} ${line}v${numbers < line ? -4 : 4}`, stroke: "#57606a" }));
          svg.append(make("text", { x: at, y: numbers, "text-anchor": "middle" }, short(i * step)));
        }
        svg.append(make("text", { x: (left + width - right) / 2, y: name, "text-anchor": "middle" }, label));
      };
      scale(base, base + 15, base + 29);
      if (top > 10) scale(top - 6, top - 14, 12);
      svg.addEventListener("click", (event) => {
        if (event.target.closest(".leaf, .name")) return;
        const box = svg.getBoundingClientRect();
        const distance = least + ((((event.clientX - box.left) / box.width) * width - left) / (width - left - right)) * (most - least);
        if (distance > 0) setCut(nearestStep(distance));
      });
      $("tree").replaceChildren(svg);
    };

    // Tables follow the cut and what is chosen.
    const regrouped = (table) => {
      const at = table.column("component"), group = table.column("group");
      if (at < 0 || group < 0) return table.own.rows;
      return table.own.rows.map((row) => row.with(group, groupName(state.cut.labels[Number(row[at])])));
    };
    const groupRows = (table) => state.cut.groups.map((members, group) => {
      const whole = particles.filter((p) => state.cut.labels[p.component] === group);
      const sizes = whole.filter((p) => !p.edge && Number.isFinite(p.diameter)).map((p) => p.diameter);
      const known = {
        group: groupName(group), kind: state.cut.matrix[group] ? "matrix" : "crystals", components: members.join(" "),
        particles: tables.particles ? String(whole.length) : "", mean_diameter: sizes.length ? String(mean(sizes)) : "", diameter_units: whole[0]?.units ?? "",
      };
      return table.columns.map((name) => known[name] ?? "");
    });
    const MOVED = ["groups", "components", "particles", "orientations"];
    // Groups of other tables are those of the report's own cut, whichever is shown.
    const hasOtherGroups = (table) => !state.cut.own && !MOVED.includes(table.name) && table.column("group") >= 0;
    const drawTables = () => {
      const suffix = state.distance === null ? "" : `_cut_${short(state.distance, 3)}`;
      for (const table of Object.values(tables)) {
        if (state.cut.own) table.replace(null);
        else if (table.name === "groups") table.replace(groupRows(table), suffix);
        else if (MOVED.includes(table.name)) table.replace(regrouped(table), suffix);
        table.element.closest("details").querySelector(".own-cut").hidden = !hasOtherGroups(table);
      }
      markRows();
    };
    const markRows = () => {
      for (const table of Object.values(tables)) {
        const at = table.column("component"), group = table.column("group");
        const ordered = table.inOrder();
        [...table.element.tBodies[0].rows].forEach((row, i) => {
          const cells = ordered[i];
          const chosen = table.name === "particles" && state.particle !== null
            ? table.rows.indexOf(cells) === state.particle
            : state.branch ? at >= 0 && state.branch.includes(Number(cells[at]))
            : state.component !== null ? at >= 0 && Number(cells[at]) === state.component
              : state.group !== null && at < 0 && !hasOtherGroups(table) && cells[group] === groupName(state.group);
          row.classList.toggle("chosen", chosen);
        });
      }
    };

    // Everything that is chosen goes through here.
    const choose = ({ component = null, branch = null, group = null, place = null, particle = null }) => {
      Object.assign(state, { component, branch, group, place, particle });
      say();
      drawChips();
      drawPatterns();
      drawTree();
      markRows();
      if (map) paintMap();
    };
    const choosePlace = (place) => {
      const particle = particleAt(place);
      choose({ place, particle, component: particle === null ? mainAt(place) : particles[particle].component });
    };
    chooseRow = (table, cells, component, name) => {
      if (table.name === "particles" && particles.length && map) {
        const index = table.rows.indexOf(cells), p = particles[index];
        const [x, y] = toPixel(p);
        const place = Math.min(Math.max(Math.floor(y), 0), rows - 1) * columns + Math.min(Math.max(Math.floor(x), 0), columns - 1);
        choose({ place, particle: index, component: p.component });
      } else if (component !== null) choose({ component });
      else choose({ group: names.get(name) ?? null });
    };

    const slider = $("cut");
    const nearestStep = (distance) => STEPS.reduce((best, place, i) => (Math.abs(place - distance) < Math.abs(STEPS[best] - distance) ? i : best), 0);
    const isOwn = (place) => {
      const { groups, labels } = cutAt(place);
      return groups.length === ownCut.groups.length && labels.every((group, k) => group === data.labels[k]);
    };
    const left = (place) => N - data.thresholds.filter((threshold) => threshold <= place).length;
    // A cut into a number of groups may be none at a distance.
    const ownStep = STEPS.findIndex((place) => left(place) === ownCut.groups.length && isOwn(place));
    const ownDistance = data.cut ?? STEPS[ownStep] ?? null;
    const setCut = (step) => {
      const own = step === ownStep || step < 0;
      state.cut = own ? ownCut : cutAt(STEPS[step]);
      state.distance = own ? ownDistance : STEPS[step];
      if (step >= 0) slider.value = step;
      const groups = state.cut.groups.length, matrix = state.cut.matrix.filter(Boolean).length;
      const where = state.distance === null ? "" : `${short(state.distance, 3)}: `;
      $("cut-says").textContent = `${where}${counted(groups, "group")}${matrix ? `, ${matrix} of them matrix` : ""}${own ? " (cut of the report)" : ""}`;
      slider.setAttribute("aria-valuetext", $("cut-says").textContent);
      $("cut-note").hidden = own;
      $("cut-back").hidden = own;
      names = new Map(state.cut.groups.map((_, group) => [groupName(group), group]));
      if (state.group !== null && state.group >= groups) state.group = null;
      drawTables();
      choose(state);
    };
    slider.max = Math.max(STEPS.length - 1, 0);
    slider.value = Math.max(ownStep, 0);
    slider.addEventListener("input", () => setCut(Number(slider.value)));
    $("cut-back").addEventListener("click", () => setCut(ownStep));

    if (map) {
      const units = map.pixel.units;
      $("map-scale").textContent = [short(map.shape[1] * map.pixel.x), ...(map.shape[0] > 1 ? [short(map.shape[0] * map.pixel.y)] : [])].join(" × ") + ` ${units}`
        + (map.step > 1 ? `; ${map.step} × ${map.step} positions a pixel` : "") + (map.summed ? "; summed over the other axes" : "");
      const placeOf = (event) => {
        const box = canvas.getBoundingClientRect();
        const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
        const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
        return Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1);
      };
      canvas.addEventListener("click", (event) => choosePlace(placeOf(event)));
      canvas.addEventListener("mousemove", (event) => {
        const place = placeOf(event);
        const here = atPlace(place).filter(({ height }) => height >= 0.01).map(({ component, height }) => `component ${component} (${groupName(state.cut.labels[component])}) ${short(100 * height, 2)} %`);
        $("hover").textContent = `${coordinates(place)}: ${here.length ? `${here.join(", ")}, of its brightest position each` : "nothing"}`;
      });
      canvas.addEventListener("mouseleave", unsay);
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (event.key === "Escape") choose({});
        if (!step) return;
        event.preventDefault();
        const now = state.place ?? Math.floor(rows / 2) * columns + Math.floor(columns / 2);
        const column = Math.min(Math.max((now % columns) + step[0], 0), columns - 1);
        const row = Math.min(Math.max(Math.floor(now / columns) + step[1], 0), rows - 1);
        choosePlace(row * columns + column);
      });
      $("opacity").addEventListener("input", paintMap);
      $("outlines").addEventListener("change", drawMap);
    } else $("map-panel").hidden = true;
    for (const id of ["scaling", "brightest"]) $(id).addEventListener("input", drawPatterns);
    const across = patterns.components.shape[2] * data.patterns.pixel.x;
    $("pattern-scale").textContent = `${short(across)} ${data.patterns.pixel.units} wide`;

    window.addEventListener("resize", drawTree);
    setCut(ownStep);
    document.documentElement.dataset.ready = "yes";
  };
  start();
})();
