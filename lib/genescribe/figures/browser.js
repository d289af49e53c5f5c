// Starts the page's genome browser when it comes into view, and lets links of tables move it.
"use strict";
(() => {
  const frame = document.getElementById("browser");
  const state = frame.querySelector(".state");
  const read = (id) => document.getElementById(id).textContent;
  const options = JSON.parse(read("browser-options"));
  const data = (id) => `data:application/gzip;base64,${read(id)}`;
  let opened = null;

  const track = ({ name, kind, height, colour }, number) => {
    const scored = (score) => options.colours.find(([least]) => score >= least)?.[1] ?? colour;
    const common = { name, height, url: data(`browser-track-${number}`), indexed: false, removable: false, order: number + 1 };
    if (kind === "genes") {
      return {
        ...common, type: "annotation", format: "gff3", displayMode: "EXPANDED", searchable: true,
        searchableFields: ["id", "name"], nameField: "ID", color: (feature) => scored(parseFloat(feature.score)),
      };
    }
    const look = { color: colour, displayMode: "COLLAPSED" };
    if (kind === "junctions") return { ...common, ...look, type: "junction", format: "bed" };
    return { ...common, ...look, type: "annotation", format: "bed" };
  };

  const open = () => {
    if (opened) return opened;
    state.textContent = "The browser is being opened …";
    opened = igv.createBrowser(frame.querySelector(".view"), {
      reference: { id: "genome", name: "genome", fastaURL: data("browser-genome"), indexed: false, wholeGenomeView: false },
      tracks: options.tracks.map(track),
      locus: options.place,
      loadDefaultGenomes: false,
      queryParametersSupported: false,
      showSampleNames: false,
      showCenterGuideButton: false,
      showCursorTrackingGuideButton: false,
      showROITableButton: false,
      showMultiSelectButton: false,
      showTrackLabelButton: false,
    }).then((browser) => {
      // On a narrow screen there is no room for the width in bases.
      const style = document.createElement("style");
      style.textContent = "@media (max-width: 40rem) { .igv-windowsize-panel-container { display: none !important; } }";
      frame.querySelector(".view").shadowRoot.append(style);
      state.hidden = true;
      frame.dataset.ready = "yes";
      return browser;
    }).catch((error) => {
      state.textContent = `The browser cannot be shown: ${error.message ?? error}`;
      throw error;
    });
    return opened;
  };

  new IntersectionObserver((entries, observer) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      observer.disconnect();
      open();
    }
  }, { rootMargin: "300px" }).observe(frame);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-place]");
    if (link) open().then((browser) => browser.search(link.dataset.place));
  });
})();
