"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const text = (number) => data.texts[number];
  const by = (id) => document.getElementById(id);
  const names = ["column", "journey", "state", "why", "fired", "budget", "place", "advice", "repeat", "calls", "judged", "broken", "attempts", "leftOut", "worse", "over"];
  const cells = data.cells.map((values, number) => {
    const cell = Object.fromEntries(names.map((name, at) => [name, values[at]]));
    const [dependency, operation, failure, says, level] = data.columns[cell.column];
    const [state, sign, meaning, kind] = data.states[cell.state];
    const journey = data.journeys[cell.journey];
    const row = operation ? `${dependency} ${operation}` : dependency;
    const usual = data.usual[cell.journey];
    return { ...cell, usual, number, dependency, operation, failure, says, level, name: state, sign, meaning, kind, journey, row, hash: `${row}/${failure}/${journey}` };
  });
  const numbers = new Map(cells.map((cell) => [cell.hash, cell.number]));

  /** Make an element. What is put into it is text or elements, never markup. */
  function make(tag, given = {}, ...inner) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name === "class") element.className = value;
      else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...inner.flat().filter((each) => each !== null && each !== ""));
    return element;
  }
  const took = (seconds) => {
    const size = Math.abs(seconds);
    const told = size < 0.00005 ? "0 s" : size < 0.0095 ? `${(size * 1000).toFixed(1)} ms` : size < 0.9995 ? `${Math.round(size * 1000)} ms` : `${size.toFixed(size < 20 ? 2 : 1)} s`;
    return seconds < 0 && size >= 0.00005 ? `\u2212${told}` : told;
  };
  const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const sign = (state) => make("span", { class: `sign s${state}`, title: data.states[state][0] }, data.states[state][1]);
  const state = (number) => make("span", { class: `state s${number}` }, `${data.states[number][1]} ${data.states[number][0]}`);
  const link = (cell, label) => make("a", { href: `#${encodeURIComponent(cell.hash)}` }, label);
  const chips = (found) => make("ul", { class: "chips", "aria-label": "Its cells, with the last answer during the failure" }, found.map((number) => make("li", {}, link(cells[number], `${cells[number].dependency} ${cells[number].failure} · ${short(cells[number].journey)}${came(cells[number])}`))));
  /** Return a sentence with what stands between backticks as code. */
  const code = (words) => words.split("`").map((each, at) => (at % 2 ? make("code", {}, each) : each));
  /** Return what the application answered last while the dependency failed, and after how long. */
  const came = (cell) => {
    const answers = cell.calls.length ? cell.calls[0][7] : [];
    if (!answers.length) return "";
    const [, status, seconds, error] = answers[answers.length - 1];
    return ` (${text(error) || status || "no answer"} in ${took(seconds)} during the failure)`;
  };
  const short = (journey) => journey.split("::").slice(1).join("::") || journey;

  function copied(command) {
    const pre = make("pre", { tabindex: "0", "aria-label": "The command that repeats it" }, command);
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(pre);
      try {
        await navigator.clipboard.writeText(command);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    return make("div", { class: "copy" }, pre, button);
  }

  // The matrix

  const matrix = by("matrix");
  const fields = matrix ? [...matrix.querySelectorAll("td[data-cell]")] : [];
  const field = (number) => fields.find((each) => Number(each.dataset.cell) === number);

  function describe() {
    for (const each of fields) {
      const cell = cells[Number(each.dataset.cell)];
      each.title = `${cell.name}: ${cell.row} ${cell.failure}, ${cell.journey}`;
      if (cell.worse) {
        each.classList.add("worse");
        each.querySelector("i").append(", worse than in the baseline");
      }
    }
    const met = new Map();
    for (const cell of cells) met.set(cell.state, (met.get(cell.state) || 0) + 1);
    for (const [number, [name, , meaning]] of data.states.entries()) {
      if (met.has(number)) by("legend").append(make("dt", {}, sign(number)), make("dd", {}, make("strong", {}, `${name} (${met.get(number)})`), `: ${meaning}`));
    }
    const said = new Map();
    for (const [dependency, , failure, says] of data.columns) {
      const key = `${failure}\n${says}`;
      if (says) said.set(key, (said.get(key) || new Set()).add(dependency));
    }
    for (const [key, whose] of said) {
      const [failure, says] = key.split("\n");
      by("failures").querySelector("dl").append(make("dt", {}, make("code", {}, failure)), make("dd", {}, `${says} (${[...whose].join(", ")})`));
    }
    for (const head of matrix ? matrix.querySelectorAll("th[data-column]") : []) head.title = data.columns[Number(head.dataset.column)][3];
    by("failures").hidden = !said.size;
    for (const [name, , upstream] of data.dependencies) by("dependencies").querySelector("dl").append(make("dt", {}, make("code", {}, name)), make("dd", {}, upstream));
    by("dependencies").hidden = !data.dependencies.length;
    if (fields.length) fields[0].tabIndex = 0;
  }

  const visible = (element) => element && !element.hidden && !element.parentElement.hidden;

  /** Return the next cell that can be reached from one, in a direction. */
  function neighbour(from, down, right) {
    const rows = [...matrix.tBodies].flatMap((body) => [...body.rows]).filter((row) => !row.hidden && !row.classList.contains("file"));
    let row = rows.indexOf(from.parentElement), column = from.cellIndex;
    const most = from.parentElement.cells.length;
    for (;;) {
      row += down;
      column += right;
      if (row < 0 || row >= rows.length || column < 1 || column >= most) return null;
      const found = rows[row].cells[column];
      if (found.dataset.cell !== undefined && visible(found)) return found;
    }
  }

  function go(to) {
    for (const each of fields) each.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function onKey(event) {
    const from = event.target.closest("td[data-cell]");
    if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
    let to = null;
    if (steps[event.key]) to = neighbour(from, ...steps[event.key]);
    else if (event.key === "Home" || event.key === "End") {
      const there = [...from.parentElement.querySelectorAll("td[data-cell]")].filter(visible);
      to = event.key === "Home" ? there[0] : there[there.length - 1];
    } else if (event.key === "Enter" || event.key === " ") open(Number(from.dataset.cell));
    else return;
    event.preventDefault();
    if (to) go(to);
  }

  /** Say that there is more of the table than is seen. */
  function sideways() {
    const around = matrix && matrix.closest(".scroll");
    by("sideways").hidden = !around || around.scrollWidth <= around.clientWidth;
  }

  // Filters

  const filters = by("filters");

  function fill() {
    for (const name of new Set(data.columns.map((column) => column[0]))) filters.dependency.append(make("option", { value: name }, name));
    const met = new Set(cells.map((cell) => cell.state));
    const options = [["bad", "not survived"]];
    if (cells.some((cell) => cell.worse)) options.push(["worse", "worse than in the baseline"]);
    for (const [number, [name]] of data.states.entries()) if (met.has(number)) options.push([name, name]);
    for (const [value, label] of options) filters.state.append(make("option", { value }, label));
    filters.level.closest("label").hidden = data.level !== "full";
    filters.hidden = !cells.length;
    filters.addEventListener("input", apply);
    filters.addEventListener("submit", (event) => event.preventDefault());
  }

  function wanted(cell) {
    const { journey, dependency, level, state: outcome } = Object.fromEntries(new FormData(filters));
    const part = journey.trim().toLowerCase();
    return (!part || cell.hash.toLowerCase().includes(part)) && (!dependency || cell.dependency === dependency) && (!level || cell.level === level)
      && (!outcome || cell.name === outcome || (outcome === "bad" && cell.kind === "bad") || (outcome === "worse" && cell.worse === 1));
  }

  /** Show the rows and columns that have a cell that is wanted; other cells there are pale. */
  function apply() {
    const shown = new Set(cells.filter(wanted).map((cell) => cell.number));
    const all = shown.size === cells.length;
    const columns = new Set([...shown].map((number) => cells[number].column));
    for (const head of matrix.querySelectorAll("th[data-column]")) head.hidden = !columns.has(Number(head.dataset.column));
    let at = 0;
    for (const group of matrix.querySelectorAll("th[data-group]")) {
      const count = Number(group.dataset.count || (group.dataset.count = group.colSpan));
      const left = Array.from({ length: count }, (_, number) => at + number).filter((column) => columns.has(column)).length;
      at += count;
      group.hidden = !left;
      group.colSpan = left || 1;
    }
    for (const body of matrix.tBodies) {
      let any = false;
      for (const row of body.rows) {
        if (row.classList.contains("file")) continue;
        let some = false;
        for (const cell of [...row.cells].slice(1)) {
          cell.hidden = !columns.has(cell.cellIndex - 1);
          const mine = cell.dataset.cell !== undefined && shown.has(Number(cell.dataset.cell));
          cell.classList.toggle("pale", cell.dataset.cell !== undefined && !mine);
          some = some || mine;
        }
        row.hidden = !some;
        any = any || some;
      }
      body.hidden = !any;
    }
    by("shown").textContent = all ? "" : `${many(shown.size, "cell")} of ${cells.length}`;
    const first = fields.find((each) => visible(each) && !each.classList.contains("pale"));
    if (first && !fields.some((each) => each.tabIndex === 0 && visible(each))) {
      for (const each of fields) each.tabIndex = -1;
      first.tabIndex = 0;
    }
  }

  // A cell

  const dialog = by("cell");
  let current = null;

  function open(number) {
    const hash = `#${encodeURIComponent(cells[number].hash)}`;
    if (location.hash === hash) show(number);
    else location.hash = hash;
  }

  function show(number) {
    current = number;
    const cell = cells[number];
    by("content").replaceChildren(...content(cell));
    const order = fields.map((each) => Number(each.dataset.cell));
    by("position").textContent = `${order.indexOf(number) + 1} of ${order.length}`;
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    document.title = `${cell.name}: ${cell.row} ${cell.failure}, ${cell.journey}`;
  }

  function turn(step) {
    const order = fields.filter((each) => visible(each)).map((each) => Number(each.dataset.cell));
    const to = order[order.indexOf(current) + step];
    if (to !== undefined) open(to);
  }

  function content(cell) {
    const found = [make("h2", { id: "cell-title" }, state(cell.state), ` ${cell.row} ${cell.failure}`)];
    found.push(make("p", { class: "where" }, cell.journey));
    found.push(make("p", { class: "meta" }, `The failure of ${cell.dependency}: ${cell.says || cell.failure}. ${cell.fired ? `It hit ${cell.fired === 1 ? "once" : `${cell.fired} times`}.` : "It hit nothing."} The ${data.noun} takes ${cell.usual === null ? "no known time" : took(cell.usual)} when healthy; here its time limit was ${took(cell.budget)}.`));
    found.push(make("h3", {}, cell.kind === "bad" ? "What went wrong" : "Result"));
    found.push(make("p", { class: "what" }, sentence(text(cell.why) || cell.meaning)));
    if (text(cell.why) && !text(cell.why).includes(cell.meaning.replace(/^it /, ""))) found.push(make("p", { class: "meta" }, `${capital(cell.name)}: ${cell.meaning}.`));
    if (text(cell.place)) found.push(make("p", {}, "Seen at ", make("span", { class: "where" }, text(cell.place))));
    if (text(cell.advice)) found.push(make("h3", {}, cell.kind === "bad" ? "How to fix it" : "What would show more"), make("p", { class: "mend" }, code(text(cell.advice))));
    if (cell.judged.length) found.push(make("h3", {}, `What the service did as a client of ${cell.dependency}`));
    for (const [level, rule, said, evidence] of cell.judged) {
      found.push(make("div", { class: "found" }, make("p", {}, make("strong", {}, `${level}: ${rule}. `), sentence(text(said))), make("p", { class: "meta" }, text(evidence))));
    }
    if (/^connections to .* leak,/.test(text(cell.why))) found.push(make("p", {}, "The failure was repeated to see this. What follows is the first time."));
    cell.calls.forEach((call, number) => found.push(...told(cell, call, number)));
    const repeat = text(cell.repeat);
    if (repeat) found.push(make("h3", {}, "Repeat it, in the same folder"), copied(data.repeat[0] + repeat + data.repeat[1]));
    found.push(...earlier(cell));
    if (data.trimmed) found.push(make("p", { class: "meta" }, "Logs, tracebacks and attempts are shortened here, to keep this page small; verify.json has more of them."));
    return found;
  }

  const capital = (words) => words.slice(0, 1).toUpperCase() + words.slice(1);
  const sentence = (words) => capital(words) + (/[.!?]$/.test(words) ? "" : ".");

  function told(cell, call, number) {
    const [outcome, at, seconds, error, place, shown, log, answers, turn] = call;
    const when = { broken: `While ${cell.dependency} failed`, first: `${cell.dependency} healthy again`, again: "Second call after that", function: "After the test's fixtures were set up again", all: "After all fixtures were set up again" }[turn];
    const how = { passed: "passed", failed: "failed", skipped: "was skipped", ended: "did not end" }[outcome];
    const late = at !== null && cell.over !== null && at < cell.over && at + seconds >= cell.over - 0.01;
    const title = late ? `the ${data.noun} had not ended after ${took(cell.over - at)}` : `${outcome === "ended" && cell.name === "crashed" ? "its process ended" : `the ${data.noun} ${how}`}${seconds ? ` after ${took(seconds)}` : ""}`;
    const found = [make("h3", {}, `${when}: ${title}`)];
    if (late) found.push(make("p", {}, `That was its time limit. So ${cell.dependency} was healed, and the connections to it were reset; ${outcome === "ended" ? `the ${data.noun} did not end all the same` : `only then the ${data.noun} ${how}, ${took(at + seconds - cell.over)} later`}.`));
    if (text(error)) found.push(make("p", {}, make("code", {}, text(error)), text(place) ? " at " : "", text(place) ? make("span", { class: "where" }, text(place)) : ""));
    if (at !== null) found.push(timeline(cell, call, number));
    if (text(shown)) found.push(make("details", { open: outcome !== "passed" && number === 0 }, make("summary", {}, outcome === "ended" ? "Stacks of its threads at the end" : "What pytest shows"), make("pre", { tabindex: "0" }, text(shown))));
    if (text(log) && (number === 0 || outcome !== "passed")) found.push(make("details", {}, make("summary", {}, "Log during this call"), make("pre", { tabindex: "0" }, text(log))));
    return found;
  }

  const kind = (failed, faults) => (failed ? "bad" : text(faults) ? "hit" : "good");

  /** Return attempts in lists: three or more after each other that are alike are one. */
  function runs(attempts) {
    const found = [];
    for (const each of attempts) {
      const last = found[found.length - 1];
      if (last && [0, 4, 6].every((at) => last[0][at] === each[at])) last.push(each);
      else found.push([each]);
    }
    return found.flatMap((each) => (each.length < 3 ? each.map((one) => [one]) : [each]));
  }

  /** Return what happened in one call as rows with a bar each, and behind them the time in which the failure was there. */
  function timeline(cell, call, number) {
    const [outcome, at, seconds, , , , , answers] = call;
    const next = cell.calls[number + 1];
    const until = next && next[1] !== null ? next[1] : Infinity;
    const ends = number && outcome !== "ended" ? Math.min(until, at + seconds) : until;
    const begins = (moment) => (moment >= at || number === 0) && moment <= ends;
    const mine = cell.attempts.filter((each) => begins(each[2]));
    const carrying = new Set(mine.filter((each) => each[0]).map((each) => each[1]));
    const attempts = mine.filter((each) => each[0] || !carrying.has(each[1]));
    const windows = cell.broken.filter(([from, to]) => from < until && to > at);
    const over = (each) => each[2] + (each[0] ? each[3] : Math.min(each[3], 0));
    let from = Math.min(at, ...windows.map((each) => each[0]).filter((each) => each >= at - 1));
    let to = Math.max(at + seconds, ...attempts.map((each) => Math.min(over(each), ends)), ...windows.map((each) => Math.min(each[1], until)));
    if (to - from < 0.002) to = from + 0.002;
    const room = (to - from) * 0.02;
    from -= room;
    to += room;
    const zero = number === 0 ? 0 : at;
    const late = (end) => cell.over !== null && at < cell.over && end >= cell.over - 0.01;
    const since = (moment) => took(moment - zero);
    const share = (moment) => `${(100 * (Math.min(to, Math.max(from, moment)) - from)) / (to - from)}%`;
    const rows = [];
    const add = (label, meta, times, kind) => {
      const things = times.map(([began, lasted]) => {
        const thing = make("div", { class: `thing ${kind}${began + lasted > to ? " on" : ""}` });
        thing.style.left = share(began);
        thing.style.width = `calc(${share(began + lasted)} - ${share(began)})`;
        return thing;
      });
      const track = make("div", { class: "track", "aria-hidden": "true" });
      for (const [begun, ended] of windows) {
        const window = make("div", { class: "window" });
        window.style.left = share(begun);
        window.style.width = `calc(${share(ended)} - ${share(begun)})`;
        track.append(window);
      }
      track.append(...things);
      rows.push([times[0][0], make("li", {}, make("div", {}, label, meta ? make("div", { class: "meta" }, meta) : ""), track)]);
    };
    add(`the ${data.noun}`, `${since(at)} to ${since(at + seconds)}, ${outcome !== "ended" ? outcome : cell.name === "crashed" ? "its process ended" : "not ended by itself"}${late(at + seconds) ? ", too late" : ""}`, [[at, seconds]], outcome === "passed" && !late(at + seconds) ? "good" : "bad");
    for (const [asked, status, lasted, error, begun] of answers) {
      if (begun === null) continue;
      add(make("span", {}, text(asked), make("strong", {}, ` ${text(error) || status || "no answer"}`)), `${data.noun} to service, at ${since(begun)}, took ${took(lasted)}${late(begun + lasted) ? ", too late" : ""}`, [[begun, lasted]], text(error) || status >= 500 || late(begun + lasted) ? "bad" : "good");
    }
    for (const alike of runs(attempts)) {
      const [what, connection, begun, lasted, ended, failed, faults, attempt, pause] = alike[0];
      if (alike.length > 1) {
        const last = alike[alike.length - 1];
        const pauses = alike.map((each) => each[8]).filter((each) => each !== null).map((each) => Math.max(0, each));
        const label = make("span", {}, what ? `${alike.length} × ${text(what)}` : `${alike.length} connections`, make("strong", {}, ` ${text(ended) || "no reply"}`));
        const facts = [`service to ${cell.dependency}, from ${since(begun)} to ${since(last[2] + last[3])}${last[7] > attempt ? `, attempts ${attempt} to ${last[7]}` : ""}`];
        if (pauses.length) facts.push(`pauses of ${took(Math.min(...pauses))} to ${took(Math.max(...pauses))}`);
        if (text(faults)) facts.push("hit by the failure");
        add(label, facts.join("; "), alike.map((each) => [each[2], each[3]]), kind(failed, faults));
        continue;
      }
      const label = what ? text(what) : `connection ${connection}`;
      const facts = [`service to ${cell.dependency}, at ${since(begun)}${lasted ? `, ${what ? "took" : "open for"} ${took(lasted)}` : ""}`];
      if (attempt > 1) facts.push(`attempt ${attempt}${pause === null ? "" : `, ${took(Math.max(0, pause))} after the one before`}`);
      if (text(faults)) facts.push("hit by the failure");
      add(make("span", {}, label, make("strong", {}, ` ${text(ended) || "no reply"}`)), facts.join("; "), [[begun, lasted]], kind(failed, faults));
    }
    rows.splice(1, rows.length, ...rows.slice(1).sort((one, other) => one[0] - other[0]));
    const track = make("div", { class: "track" });
    for (let tick = 0; tick <= 4; tick += 1) {
      const moment = from + room + ((to - from - 2 * room) * tick) / 4;
      const label = make("span", { class: tick === 0 ? "first" : tick === 4 ? "last" : "" }, since(moment));
      label.style.left = share(moment);
      track.append(label);
    }
    const axis = make("li", { class: "axis", "aria-hidden": "true" }, make("div", { class: "meta" }, number === 0 ? "since the failure began" : `since the ${data.noun} began`), track);
    const said = windows.map(([begun, ended]) => `from ${since(begun)} to ${since(ended)}`);
    const caption = said.length ? make("p", { class: "meta" }, make("span", { class: "key", "aria-hidden": "true" }), ` ${cell.dependency} fails ${said.slice(0, 5).join(", ")}${said.length > 5 ? ` and ${said.length - 5} times more` : ""}. Bars: green succeeded, red failed, yellow was hit by the failure and succeeded.`) : "";
    const left = number === 0 && cell.leftOut ? make("p", { class: "meta" }, `${many(cell.leftOut, "attempt")} more are left out here, between the first and the last.`) : "";
    return make("div", {}, caption, make("ol", { class: "time" }, axis, rows.map((each) => each[1])), left);
  }

  // Earlier runs

  function strip(signs) {
    const states = new Map(data.states.map((each, number) => [each[1], number]));
    const items = [...signs].map((each, at) => {
      const when = data.trend.runs[at][0].slice(0, 16).replace("T", " ");
      if (each === " ") return make("li", {}, make("span", { class: "sign s9", title: `${when}: no such cell` }, "\u00a0", make("span", { class: "unseen" }, "no such cell")));
      const number = states.get(each);
      return make("li", {}, make("span", { class: `sign s${number}`, title: `${when}: ${data.states[number][0]}` }, make("span", { "aria-hidden": "true" }, each), make("span", { class: "unseen" }, `${when}: ${data.states[number][0]}`)));
    });
    return make("ol", { class: "strip" }, items);
  }

  const earlier = (cell) => (data.trend ? [make("h3", {}, `In the last ${many(data.trend.runs.length, "run")}, the newest at the right`), strip(data.trend.signs[cell.number])] : []);

  function share(part, all) {
    const bar = make("span", {});
    bar.style.width = all ? `${(100 * part) / all}%` : "0";
    return [make("span", { class: "share", "aria-hidden": "true" }, bar), `${part} of ${all}`];
  }

  function table(heads, rows) {
    return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads[0] }, make("table", {}, make("thead", {}, make("tr", {}, heads.map((each) => make("th", { scope: "col" }, each)))), make("tbody", {}, rows.map((row) => make("tr", {}, row.map((each, at) => make(at ? "td" : "th", at ? {} : { scope: "row" }, each)))))));
  }

  function trend() {
    if (!data.trend) return;
    const rows = [...data.trend.runs].reverse().map(([began, seed, counts, tested, of]) => {
      const told = [...counts].sort((one, other) => one[0] - other[0]).map(([number, count]) => make("span", {}, sign(number), ` ${count} `, make("span", { class: "unseen" }, data.states[number][0])));
      return [began.slice(0, 16).replace("T", " "), told, share(tested, of), String(seed)];
    });
    by("trend").append(table(["Run", "Cells", "Failures of operations that were tested", "Seed"], rows));
    const changed = cells.filter((cell) => new Set(data.trend.signs[cell.number].trim()).size > 1);
    if (changed.length) {
      by("trend").append(make("h3", {}, `Cells that were not always the same (${changed.length})`));
      by("trend").append(table(["Cell", "Outcomes, the newest at the right"], changed.slice(0, 50).map((cell) => [link(cell, `${cell.row} ${cell.failure}, ${short(cell.journey)}`), strip(data.trend.signs[cell.number])])));
    }
    for (const name of data.trend.unread) by("trend").append(make("p", { class: "meta" }, `${name} is not read: it is of another version, or no report.`));
    by("trend").hidden = false;
  }

  // What else is to be said

  function findings() {
    for (const [number, failures, said, place, evidence, repeat, mend, mine, known] of data.causes) {
      by("causes").querySelector("ol").append(make("li", {},
        make("p", {}, state(number), ` ${failures}`, known ? " (as in the baseline)" : ""),
        make("p", { class: "what" }, sentence(said)),
        place ? make("p", {}, "Seen at ", make("span", { class: "where" }, place)) : "",
        mine.length > 1 ? make("p", { class: "meta" }, "For example:") : "",
        make("ul", { class: "meta steps" }, evidence.split("; ").map((each) => make("li", {}, each))),
        mend ? make("p", { class: "mend" }, code(mend)) : "",
        chips(mine.slice(0, 12)), mine.length > 12 ? make("p", { class: "meta" }, `and ${mine.length - 12} more`) : "",
        repeat ? copied(repeat) : ""));
    }
    by("causes").hidden = !data.causes.length;
    for (const [level, rule, dependency, said, evidence, mine] of data.warnings) {
      by("warnings").querySelector("ul").append(make("li", {}, make("p", {}, make("strong", {}, `${level}: ${dependency}: `), `${said} (${rule})`), make("p", { class: "meta" }, evidence), chips(mine.slice(0, 6)), mine.length > 6 ? make("p", { class: "meta" }, `and ${mine.length - 6} more`) : ""));
    }
    by("warnings").hidden = !data.warnings.length;
    for (const [title, changes] of data.compared) {
      by("compared").append(make("h2", {}, title), make("ul", {}, changes.slice(0, 100).map(([said, number]) => make("li", {}, number < 0 ? said : link(cells[number], said)))));
    }
    by("compared").hidden = !data.compared.length;
    if (data.coverage.length) {
      by("coverage").append(table(["Dependency or operation", "Failures that were tested", "Vacuous", "Untested"], data.coverage.map(([name, tested, vacuous, untested]) => [name, share(tested, tested + vacuous + untested), String(vacuous), String(untested)])));
      by("coverage").append(make("p", { class: "hint" }, "Out of all failures that --level full has. Vacuous: no request reached the dependency while it failed."));
      by("coverage").hidden = false;
    }
    const notes = [...data.notes, ...data.leftOut.map(([reason, left]) => `not tried (${left.length}), ${reason}: ${left.slice(0, 20).join(", ")}${left.length > 20 ? ` and ${left.length - 20} more` : ""}`)];
    for (const note of notes) by("notes").querySelector("ul").append(make("li", {}, note));
    by("notes").hidden = !notes.length;
  }

  function onHash() {
    let name = "";
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch { /* not one of ours */ }
    if (numbers.has(name)) show(numbers.get(name));
    else if (dialog.open) dialog.close();
  }

  const title = document.title;
  describe();
  fill();
  findings();
  trend();
  if (matrix) {
    matrix.addEventListener("keydown", onKey);
    matrix.addEventListener("click", (event) => {
      const at = event.target.closest("td[data-cell]");
      if (at) open(Number(at.dataset.cell));
    });
  }
  by("close").addEventListener("click", () => dialog.close());
  by("before").addEventListener("click", () => turn(-1));
  by("next").addEventListener("click", () => turn(1));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    document.title = title;
    const at = field(current);
    if (at && visible(at)) go(at);
    history.replaceState(null, "", location.pathname + location.search);
  });
  addEventListener("hashchange", onHash);
  addEventListener("resize", sideways);
  sideways();
  onHash();

  if ("live" in document.documentElement.dataset) {
    setInterval(async () => {
      try {
        const now = await fetch("state");
        if (now.ok && (await now.text()) !== document.documentElement.dataset.live) location.reload();
      } catch { /* the server has gone, and may come back */ }
    }, 2000);
  }
})();
