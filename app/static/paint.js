/* Everything drawn on canvas: the ribbons and ticks of a row, the gene lane, the minimap. Colours come from viewer.css. */
(() => {
  "use strict";
  const hnet = (window.hnet = window.hnet || {});
  const TEXT = 22,
    LANE = 16, // high enough that a tick reads as a height
    LOW_LANE = 11, // of many stages: the text is not to drown
    MOST_HIGH = 4,
    FEATURE = 15,
    TOP = 4,
    BOTTOM = 7,
    GROUP_GAP = 4,
    VOTES = 12,
    GAP = 2, // between chunks
    SINGLE = 6; // with more models single marks are clutter

  /* Heights and offsets (CSS pixels) of what a row holds, top to bottom. */
  function geometry(segments) {
    const feature = segments.features.length ? TOP : null;
    const votes = segments.votes ? TOP + (feature === null ? 0 : FEATURE) : null;
    const text = TOP + (feature === null ? 0 : FEATURE) + (votes === null ? 0 : VOTES + 2);
    const stages = segments.groups.reduce((sum, group) => sum + group.stages.length, 0),
      laneHeight = stages > MOST_HIGH ? LOW_LANE : LANE;
    let y = text + TEXT + 2;
    const lanes = segments.groups.map((group, g) => {
      if (g) y += GROUP_GAP;
      return group.stages.map(() => {
        const top = y;
        y += laneHeight + 2;
        return top;
      });
    });
    return { feature, votes, text, textHeight: TEXT, lanes, laneHeight, height: y + BOTTOM };
  }

  function palette(element) {
    const style = getComputedStyle(element);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      tint: read("--seg-tint"),
      tick: read("--seg-tick"),
      hollow: read("--seg-hollow"),
      differ: read("--seg-differ"),
      differSoft: read("--seg-differ-soft"),
      dot: read("--seg-dot"),
      text: read("--seg-text"),
      gene: read("--seg-gene"),
      font: read("--seg-font"),
      muted: read("--seg-muted"),
      fill: read("--seg-map"),
      match: read("--seg-match"),
    };
  }

  /* p of the cut that starts a chunk -> opacity of its tint, the one thing that the tint says. From 0.5 to 1 it is the
  ramp of the legend; below, where only a what-if cuts, it is paler still. */
  const strength = (quantised) => {
    const p = quantised / 65535;
    return p < 0.5 ? 0.06 + 0.24 * p : 0.18 + 0.82 * (p - 0.5) * 2;
  };

  /* Horizontal extent of every byte of a row: x[i] .. x[i + 1] for byte start + i. */
  function byteEdges(cells, start, end, cellWidth) {
    const left = new Float32Array(end - start + 1),
      right = new Float32Array(end - start + 1);
    for (const cell of cells) {
      const each = (cell.width * cellWidth) / cell.length;
      for (let k = 0; k < cell.length; k++) {
        left[cell.at - start + k] = cell.column * cellWidth + k * each;
        right[cell.at - start + k] = cell.column * cellWidth + (k + 1) * each;
      }
    }
    return { left, right };
  }

  function fit(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    const context = canvas.getContext("2d"),
      wide = Math.round(width * ratio),
      high = Math.round(height * ratio);
    if (canvas.width !== wide || canvas.height !== high) {
      // a new size costs a new buffer
      canvas.width = wide;
      canvas.height = high;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  /* One stage's chunks between `top` and `top + height`: tinted by p, told apart by a gap where one starts. */
  function drawChunks(context, view, row, stage, top, height) {
    let chunk = stage.chunkAt(row.start);
    context.fillStyle = view.colours.tint;
    for (; chunk < stage.starts.length && stage.starts[chunk] < row.end; chunk++) {
      const from = Math.max(stage.starts[chunk], row.start),
        to = Math.min(stage.endOf(chunk), row.end);
      if (to <= from) continue;
      const x = row.edges.left[from - row.start] + (from === stage.starts[chunk] ? GAP : 0);
      context.globalAlpha = strength(stage.startProb[chunk]);
      context.fillRect(x, top, row.edges.right[to - 1 - row.start] - x, height);
    }
    context.globalAlpha = 1;
  }

  /* A tick at every position the stage sees: height is p, full where it cuts, hollow where it does not; a line at the
  threshold, which a cut is above. */
  function drawTicks(context, view, row, stage, top, threshold) {
    const { tick, hollow } = view.colours,
      { laneHeight } = view.shape,
      last = row.end - row.start - 1;
    context.fillStyle = hollow;
    context.globalAlpha = 0.7;
    context.fillRect(0, top + laneHeight * (1 - threshold) - 0.5, row.edges.right[last], 1);
    context.globalAlpha = 1;
    for (let i = stage.firstIndexFrom(row.start); i < stage.prob.length; i++) {
      const byte = stage.positionAt(i);
      if (byte >= row.end) break;
      const x = row.edges.left[byte - row.start] + GAP,
        room = row.edges.right[byte - row.start] - x;
      const height = (stage.prob[i] / 65535) * laneHeight,
        width = Math.min(4, Math.max(2, room - 2));
      if (stage.isStart[i]) {
        context.fillStyle = tick;
        context.fillRect(x, top + laneHeight - height, width, height);
      } else if (height >= 1) {
        context.strokeStyle = hollow;
        context.lineWidth = 1;
        context.strokeRect(x + 0.5, top + laneHeight - height + 0.5, width - 1, Math.max(0.5, height - 1));
      }
    }
  }

  function drawDifferences(context, view, row) {
    const { segments, shape } = view;
    for (let byte = row.start; byte < row.end; byte++) {
      if (!segments.differs[byte]) continue;
      const x = row.edges.left[byte - row.start],
        right = row.edges.right[byte - row.start];
      context.fillStyle = view.colours.differSoft;
      context.fillRect(x, shape.text, right - x, shape.textHeight);
      if (segments.groups.length > SINGLE) continue;
      segments.groups.forEach((group, g) => {
        const s = segments.compared[g],
          stage = group.stages[s],
          top = shape.lanes[g][s];
        const index = stage.indexAt(byte),
          cuts = index >= 0 && stage.isStart[index];
        context.fillStyle = context.strokeStyle = view.colours.differ;
        context.lineWidth = 1.5;
        if (cuts) context.fillRect(x, top, 4, shape.laneHeight);
        else context.strokeRect(x + 0.75, top + shape.laneHeight - 4.75, 4, 4);
      });
    }
  }

  /* On top: at every byte where a model cuts, the share of models that do; orange where they disagree. */
  function drawVotes(context, view, row) {
    const { segments, shape } = view,
      n = segments.groups.length;
    for (let byte = row.start; byte < row.end; byte++) {
      if (!segments.votes[byte]) continue;
      const x = row.edges.left[byte - row.start],
        room = row.edges.right[byte - row.start] - x;
      const height = Math.max(2, (segments.votes[byte] / n) * VOTES);
      context.fillStyle = segments.differs[byte] ? view.colours.differ : view.colours.tick;
      context.fillRect(x, shape.votes + VOTES - height, Math.max(2, Math.min(5, room - 2)), height);
    }
  }

  function drawFeatures(context, view, row) {
    const { segments, shape } = view,
      { left, right } = row.edges;
    context.font = `11px ${view.colours.font}`;
    context.textBaseline = "middle";
    let free = 0; // where the names so far end: those of overlapping genes stand beside each other
    for (const feature of segments.features) {
      if (feature.end <= row.start || feature.start >= row.end) continue;
      const from = Math.max(feature.start, row.start),
        to = Math.min(feature.end, row.end);
      const x = left[from - row.start],
        width = right[to - 1 - row.start] - x;
      context.globalAlpha = 1;
      context.fillStyle = view.colours.gene;
      context.fillRect(x, shape.feature + FEATURE - 4, width, 2);
      const head = feature.strand === "-" ? [feature.start, x, 5] : [feature.end - 1, x + width, -5];
      if (feature.strand !== "." && head[0] >= row.start && head[0] < row.end) {
        context.beginPath();
        context.moveTo(head[1], shape.feature + FEATURE - 3);
        context.lineTo(head[1] + head[2], shape.feature + FEATURE - 7);
        context.lineTo(head[1] + head[2], shape.feature + FEATURE + 1);
        context.fill();
      }
      const at = Math.max(x, free),
        room = x + width - at;
      if (room > 8 && (feature.start >= row.start || row.index === view.firstRow)) {
        context.save();
        context.beginPath();
        context.rect(at, shape.feature - 2, room, FEATURE);
        context.clip();
        context.fillStyle = view.colours.text;
        context.fillText(feature.name, at, shape.feature + 4);
        context.restore();
        free = at + Math.min(room, context.measureText(feature.name).width + 8);
      }
    }
  }

  /* Matches of the search, under the text; the current one outlined. */
  function drawMatches(context, view, row) {
    const { left, right } = row.edges;
    for (const [start, end, current] of view.search.within(row.start, row.end)) {
      const from = Math.max(start, row.start),
        to = Math.min(end, row.end);
      const x = left[from - row.start],
        width = right[to - 1 - row.start] - x;
      context.fillStyle = context.strokeStyle = view.colours.match;
      context.fillRect(x, view.shape.text + TEXT - 3, width, 3);
      context.lineWidth = 2;
      if (current) context.strokeRect(x + 1, view.shape.text + 1, width - 2, TEXT - 2);
    }
  }

  /* What the pointer means in a plot or the table. */
  function drawLit(context, view, row) {
    context.fillStyle = view.colours.match;
    context.globalAlpha = 0.3;
    for (const [start, end] of hnet.within(view.lit, row.start, row.end)) {
      const x = row.edges.left[Math.max(start, row.start) - row.start];
      context.fillRect(x, view.shape.text, row.edges.right[Math.min(end, row.end) - 1 - row.start] - x, TEXT);
    }
    context.globalAlpha = 1;
  }

  /* Since the run before: a full mark where a cut is new, a hollow one where it is gone. */
  function drawMoved(context, view, row) {
    context.fillStyle = context.strokeStyle = view.colours.differ;
    context.lineWidth = 1.5;
    const { lanes, laneHeight } = view.shape;
    view.segments.moved.forEach(({ added, removed }, s) => {
      const top = lanes[0][s],
        inRow = (byte) => byte >= row.start && byte < row.end;
      for (const byte of added.filter(inRow))
        context.fillRect(row.edges.left[byte - row.start], top, 4, laneHeight);
      for (const byte of removed.filter(inRow))
        context.strokeRect(row.edges.left[byte - row.start] + 0.75, top + 0.75, 3, laneHeight - 1.5);
    });
  }

  function drawDots(context, view, row) {
    context.fillStyle = view.colours.dot;
    for (const cell of row.cells) {
      if (cell.kind !== "space") continue;
      context.beginPath();
      context.arc((cell.column + 0.5) * view.cellWidth, view.shape.text + TEXT / 2, 1.1, 0, 7);
      context.fill();
    }
  }

  function drawRow(canvas, view, row) {
    const context = fit(canvas, view.rowWidth, view.shape.height);
    const { segments, shape } = view,
      alone = segments.groups.length === 1;
    row.edges = byteEdges(row.cells, row.start, row.end, view.cellWidth);
    segments.groups.forEach((group, g) =>
      group.stages.forEach((stage, s) => {
        const top = shape.lanes[g][s];
        if (alone && s === 0) drawChunks(context, view, row, stage, shape.text, shape.textHeight);
        else drawChunks(context, view, row, stage, top, shape.laneHeight);
        drawTicks(context, view, row, stage, top, segments.thresholds[s] ?? 0.5);
      }),
    );
    if (segments.differs) {
      drawDifferences(context, view, row);
      drawVotes(context, view, row);
    }
    if (shape.feature !== null) drawFeatures(context, view, row);
    if (segments.moved) drawMoved(context, view, row);
    drawDots(context, view, row);
    if (view.lit.length) drawLit(context, view, row);
    drawMatches(context, view, row);
  }

  /* Share of bytes that start a chunk (or differ) in each of `columns` equal parts of the input. */
  function density(starts, length, columns) {
    const out = new Float32Array(columns);
    for (const byte of starts) out[Math.min(columns - 1, Math.floor((byte / length) * columns))]++;
    const each = length / columns;
    for (let i = 0; i < columns; i++) out[i] = Math.min(1, out[i] / Math.max(1, each));
    return out;
  }

  /* Many models: how often they cut on average. */
  function drawMapVotes(context, view, n, columns, step, height) {
    const rate = new Float32Array(columns),
      { votes } = view.segments;
    for (let byte = 0; byte < n; byte++)
      rate[Math.min(columns - 1, Math.floor((byte / n) * columns))] += votes[byte];
    const peak = rate.reduce((a, b) => Math.max(a, b), 0) || 1;
    context.fillStyle = view.colours.fill;
    rate.forEach((each, i) => {
      const high = (each / peak) * (height - 9);
      context.fillRect(i * step, height - high, Math.max(1, step - 0.5), high);
    });
  }

  function drawMapMatches(context, view, n, width, height) {
    context.fillStyle = view.colours.match;
    const found = view.lit.length ? view.lit : view.search.found,
      columns = new Uint8Array(Math.ceil(width) + 1);
    for (let i = 0; i < found.length; i += 2) columns[Math.floor((found[i] / n) * width)] = 1;
    columns.forEach((hit, x) => {
      if (hit) context.fillRect(x, height - 5, 2, 5);
    });
  }

  /* Boundary rate along the whole input, a band per model; differences on the lower edge. */
  function drawMap(canvas, view, width, height) {
    const context = fit(canvas, width, height),
      { segments } = view,
      n = segments.data.length;
    const columns = Math.max(1, Math.min(Math.floor(width / 2), n)),
      step = width / columns;
    const groups = segments.groups.length > 2 ? [] : segments.groups,
      band = height / Math.max(1, groups.length);
    if (!groups.length) drawMapVotes(context, view, n, columns, step, height);
    groups.forEach((group, g) => {
      const bottom = (g + 1) * band;
      group.stages.forEach((stage, s) => {
        const rate = density(stage.starts, n, columns);
        const peak = rate.reduce((a, b) => Math.max(a, b), 0) || 1;
        context.fillStyle = s ? view.colours.tick : view.colours.fill;
        const room = (band - 3) / (s + 1);
        for (let i = 0; i < columns; i++) {
          const high = (rate[i] / peak) * room;
          context.fillRect(i * step, bottom - high, Math.max(1, step - 0.5), s ? Math.min(1.5, high) : high);
        }
      });
    });
    drawMapMatches(context, view, n, width, height);
    if (!segments.differs) return;
    const bytes = [];
    for (let i = 0; i < n; i++) if (segments.differs[i]) bytes.push(i);
    const rate = density(bytes, n, columns),
      peak = rate.reduce((a, b) => Math.max(a, b), 0) || 1;
    context.fillStyle = view.colours.differ;
    for (let i = 0; i < columns; i++)
      context.fillRect(i * step, 0, Math.max(1, step - 0.5), (rate[i] / peak) * 6);
  }

  hnet.paint = { geometry, palette, drawRow, drawMap, density };
})();
