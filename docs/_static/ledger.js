// The ledger: sorted by its headings, filtered by source and verdict, searched in all columns.
(async () => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    const theme = document.body.dataset.theme;
    const isDark = theme === "dark" || (theme !== "light" && dark.matches);
    document.documentElement.classList.toggle("dark", isDark);
  };
  follow();
  dark.addEventListener("change", follow);
  new MutationObserver(follow).observe(document.body, { attributeFilter: ["data-theme"] });

  const { default: DataTable } = await window.datatables;
  const filter = { extend: "dropdown", icon: "search", content: ["searchClear", "searchList"] };
  const target = (column) => ({ targets: column, columnControl: ["order", filter] });
  // By its first number; an empty cell is last either way.
  const EFFECT = 5;
  const ordered = (sign) => (a, b) => (a === null) - (b === null) || sign * (a - b);
  DataTable.type("effect", { order: {
    pre: (text) => (text === "" ? null : Number(text)), asc: ordered(1), desc: ordered(-1) } });
  new DataTable("#ledger", {
    autoWidth: false,
    columnControl: ["order"],
    columnDefs: [target(1), target(3), { targets: EFFECT, type: "effect" }],
    layout: { topStart: "info", topEnd: "search", bottomStart: null, bottomEnd: null },
    language: { info: "_TOTAL_ claims", infoEmpty: "No claims", infoFiltered: "of _MAX_" },
    order: [[0, "asc"]],
    ordering: { indicators: false },
    paging: false,
  });
})();
