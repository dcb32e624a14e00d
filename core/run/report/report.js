// The report is whole without this script; it adds values under the pointer, smoothing, and the filters.
(function () {
  "use strict";
  var svgNS = "http://www.w3.org/2000/svg";
  var charts = [];

  function format(chart, v) {
    if (v === null || v === undefined) { return "–"; }
    var x = chart.percent ? v * 100 : v;
    var s = x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e6) ? x.toExponential(2) : String(Number(x.toPrecision(4)));
    return chart.percent ? s + " %" : s + chart.unit;
  }

  function x(chart, i) {
    var first = chart.steps[0], last = chart.steps[chart.steps.length - 1];
    if (first === last) { return chart.left + chart.width / 2; }
    return chart.left + chart.width * (chart.steps[i] - first) / (last - first);
  }

  function y(chart, v) { return chart.top + chart.height * (1 - (v - chart.low) / (chart.high - chart.low)); }

  // The same bias-corrected exponential mean as the drawn curve's.
  function smoothed(values, factor) {
    var sum = 0, weight = 0;
    return values.map(function (v) {
      if (v === null) { return null; }
      sum = factor * sum + (1 - factor) * v;
      weight = factor * weight + (1 - factor);
      return sum / weight;
    });
  }

  function path(chart, values) {
    var d = "", pen = false;
    values.forEach(function (v, i) {
      if (v === null) { pen = false; return; }
      d += (pen ? "L" : "M") + x(chart, i).toFixed(1) + " " + y(chart, v).toFixed(1);
      pen = true;
    });
    return d;
  }

  function hide() {
    charts.forEach(function (c) {
      c.cross.setAttribute("visibility", "hidden");
      if (c.tip) { c.tip.hidden = true; }
    });
  }

  function nearest(chart, step) {
    var best = 0;
    chart.steps.forEach(function (s, i) {
      if (Math.abs(s - step) < Math.abs(chart.steps[best] - step)) { best = i; }
    });
    return best;
  }

  function show(over, step) {
    charts.forEach(function (c) {
      var at = nearest(c, step);
      c.cross.setAttribute("x1", x(c, at));
      c.cross.setAttribute("x2", x(c, at));
      c.cross.setAttribute("visibility", "visible");
      c.tip.hidden = c !== over;
      if (c !== over) { return; }
      c.tip.textContent = "";
      var head = document.createElement("b");
      head.textContent = "step " + c.steps[at];
      c.tip.appendChild(head);
      c.curves.forEach(function (k) {
        var row = document.createElement("div"), name = document.createElement("span"), swatch = document.createElement("i"), value = document.createElement("span");
        row.className = k.class;
        name.appendChild(swatch);
        name.appendChild(document.createTextNode(k.name));
        value.textContent = format(c, k.values[at]);
        row.appendChild(name);
        row.appendChild(value);
        c.tip.appendChild(row);
      });
      var px = x(c, at) / 560 * c.box.clientWidth;
      var right = px > c.box.clientWidth / 2;
      c.tip.style.left = right ? "auto" : (px + 12) + "px";
      c.tip.style.right = right ? (c.box.clientWidth - px + 12) + "px" : "auto";
    });
  }

  document.querySelectorAll("figure.chart").forEach(function (figure) {
    var chart = JSON.parse(figure.querySelector("script").textContent);
    var svg = figure.querySelector("svg");
    chart.box = figure.querySelector(".plot");
    chart.paths = figure.querySelectorAll("path[data-curve]");
    chart.cross = document.createElementNS(svgNS, "line");
    chart.cross.setAttribute("class", "cross");
    chart.cross.setAttribute("y1", chart.top);
    chart.cross.setAttribute("y2", chart.top + chart.height);
    chart.cross.setAttribute("visibility", "hidden");
    svg.appendChild(chart.cross);
    chart.tip = document.createElement("div");
    chart.tip.className = "tip";
    chart.tip.hidden = true;
    chart.box.appendChild(chart.tip);
    charts.push(chart);
    svg.addEventListener("pointermove", function (event) {
      var box = svg.getBoundingClientRect();
      var at = (event.clientX - box.left) / box.width * 560;
      var first = chart.steps[0], last = chart.steps[chart.steps.length - 1];
      show(chart, first + (at - chart.left) / chart.width * (last - first));
    });
    svg.addEventListener("pointerleave", hide);
  });

  var slider = document.getElementById("smoothing");
  if (slider) {
    slider.addEventListener("input", function () {
      document.getElementById("smoothing-value").textContent = Number(slider.value).toFixed(2);
      charts.forEach(function (c) {
        c.paths.forEach(function (p) {
          p.setAttribute("d", path(c, smoothed(c.curves[Number(p.dataset.curve)].values, Number(slider.value))));
        });
      });
    });
  }

  var list = document.getElementById("entries");
  if (list) {
    var entries = Array.prototype.slice.call(list.children);
    var value = function (id) {
      var e = document.getElementById(id);
      return e ? e.value : "";
    };
    var filter = function () {
      var verdict = value("by-verdict"), step = value("by-step"), task = value("by-task").trim(), text = value("by-text").toLowerCase();
      var shown = 0;
      entries.forEach(function (e) {
        e.hidden = Boolean(verdict && e.dataset.verdict !== verdict || step && e.dataset.step !== step ||
          task && e.dataset.task.indexOf(task) < 0 || text && e.textContent.toLowerCase().indexOf(text) < 0);
        shown += e.hidden ? 0 : 1;
      });
      document.getElementById("matches").textContent = shown === entries.length ? "" : shown + " match";
      var order = value("order").split("-"), sorted = entries.slice();
      if (order[0]) {
        sorted.sort(function (a, b) {
          return (Number(a.dataset[order[0]]) - Number(b.dataset[order[0]])) * (order[1] === "down" ? -1 : 1);
        });
      }
      sorted.forEach(function (e) { list.appendChild(e); });
    };
    document.getElementById("filters").addEventListener("input", filter);
    document.getElementById("filters").addEventListener("submit", function (event) { event.preventDefault(); });
  }

  document.querySelectorAll(".script").forEach(function (e) { e.hidden = false; });
})();
