"""How a report looks: light, dark, on a phone and on paper. One accent colour; red is for errors alone.

What colour tells, a word, a dash or a hatch tells too. No font is fetched.
"""

from __future__ import annotations

STYLE = """\
:root{
  color-scheme:light dark;
  --page:#f6f7f8;--box:#fff;--ink:#16191d;--soft:#59616c;--rule:#e4e7eb;--wash:#f0f2f5;
  --accent:#2f5fd0;--accent-2:#7f9fe6;--accent-3:#c3d2f5;--bad:#c02626;--grey:#9aa3af;
}
@media (prefers-color-scheme:dark){:root{
  --page:#0f1114;--box:#17191d;--ink:#e7eaee;--soft:#98a1ad;--rule:#2a2e35;--wash:#20242a;
  --accent:#7ea3f7;--accent-2:#4a6dbd;--accent-3:#2b4279;--bad:#ff7a70;--grey:#6b7480;
}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
  font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:40px 24px 32px}
h1,h2,p,dl,dd,ul,figure{margin:0;padding:0}
h1{font-size:28px;line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:16px;line-height:1.35;font-weight:650;letter-spacing:-.005em}
small{font-size:13px;color:var(--soft)}
header{margin-bottom:28px}
.span{margin-top:6px;color:var(--soft)}
.box,.card{background:var(--box);border:1px solid var(--rule);border-radius:10px}
.box{padding:20px 22px;margin-bottom:20px;min-width:0}
.head{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;
  gap:2px 16px;margin-bottom:14px}
.head p{font-size:13px;color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(136px,1fr));gap:12px;margin-bottom:20px}
.card{padding:14px 16px}
.card dt{font-size:13px;color:var(--soft)}
.card b{display:block;font-size:24px;line-height:1.35;font-weight:620;letter-spacing:-.02em;
  white-space:nowrap}
.card small{display:block;line-height:1.4}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 20px}
.pair>figure{display:flex;flex-direction:column}
.pair>figure .plot{margin-top:auto}
.pair>.box:last-child:nth-child(odd){grid-column:1/-1}
.split{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:20px 44px;align-items:start}
.bad{color:var(--bad)}
.nil{color:var(--soft);font-weight:400}
.empty{padding:28px 22px;margin-bottom:20px;text-align:center;color:var(--soft);
  border:1px dashed var(--rule);border-radius:10px}

.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:-4px 0 12px;list-style:none;
  font-size:13px;color:var(--soft)}
.legend b{color:var(--ink);font-weight:600}
.legend i{display:inline-block;width:14px;height:10px;margin-right:7px;border-radius:2px;
  background:var(--grey)}
.legend i.accent,.legend i.s2{background:var(--accent)}
.legend i.bad,.legend i.s5{background:var(--bad)}
.legend i.s3{background:var(--accent-2)}
.legend i.s1{background:var(--accent-3)}
.legend i.alert{background:var(--soft);height:8px}
.legend i.s4{border:1px solid var(--ink);
  background:repeating-linear-gradient(-45deg,transparent 0 2px,var(--ink) 2px 3px)}
.legend i.s0{background:transparent;border:1px solid var(--grey)}
.legend i.dashed,.legend i.p50,.legend i.p95,.legend i.p99{width:20px;height:0;margin-bottom:3px;
  border-radius:0;background:none;border-top:2px dashed var(--soft)}
.legend i.p50{border-top:2px solid var(--accent-2)}
.legend i.p95{border-top:3px solid var(--accent)}
.legend i.p99{border-top:2px dashed var(--soft)}
.legend.parts{margin:12px 0 16px}

.plot{position:relative;padding:6px 0 24px 60px}
.plot svg{display:block;width:100%}
.drawing{height:220px;overflow:visible}
.lanes{margin-bottom:4px}
.lanes rect{fill:var(--soft);stroke:var(--box);stroke-width:1}
.lanes rect:hover{fill:var(--ink)}
.pair .drawing{height:160px}
.defs{position:absolute}
.ys,.xs{position:absolute;font-size:12px;line-height:16px;color:var(--soft)}
.ys{left:0;bottom:24px;width:52px;height:220px}
.pair .ys{height:160px}
.ys span{position:absolute;right:0;transform:translateY(50%);white-space:nowrap}
.xs{left:60px;right:0;bottom:0;height:18px}
.xs span{position:absolute;top:2px;white-space:nowrap;transform:translateX(-50%)}
.pair .xs .minor{display:none}
.xs .end{transform:translateX(-100%)}
svg path,svg rect{vector-effect:non-scaling-stroke}
.grid{fill:none;stroke:var(--rule);stroke-width:1}
.area{stroke:none}
.area.accent{fill:var(--accent);fill-opacity:.2}
.area.bad{fill:var(--bad);fill-opacity:.85}
.line{fill:none;stroke-width:1.5;stroke-linejoin:round}
.line.accent{stroke:var(--accent)}
.line.bad{stroke:var(--bad)}
.line.dashed{stroke:var(--soft);stroke-dasharray:4 3}
.line.p50{stroke:var(--accent-2)}
.line.p95{stroke:var(--accent);stroke-width:2.25}
.line.p99{stroke:var(--soft);stroke-dasharray:5 2}
.hatch{stroke:var(--ink);stroke-width:1;stroke-opacity:.6}
.shades rect{fill:var(--ink);fill-opacity:.08}
.shades path{fill:none;stroke:var(--ink);stroke-opacity:.45;stroke-width:1}
.hits rect{fill:var(--ink);fill-opacity:0}
.hits rect:hover{fill-opacity:.12}
.proportions{display:block;width:100%;height:26px;border-radius:5px;overflow:hidden}
.proportions rect{stroke:var(--box);stroke-width:1}
rect.s2{fill:var(--accent)}
rect.s3{fill:var(--accent-2)}
rect.s1{fill:var(--accent-3)}
rect.s4{fill:url(#hatch)}
rect.s5{fill:var(--bad)}
rect.s0{fill:var(--wash)}

.scroll{overflow-x:auto;margin:0 -22px;padding:0 22px}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-2px;border-radius:6px}
.tall{max-height:420px;overflow-y:auto}
table{width:100%;border-collapse:collapse;font-size:14px}
th,td{padding:7px 0 7px 20px;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule);
  font-weight:400}
th:first-child,td:first-child{padding-left:0}
tbody tr:last-child>*{border-bottom:0}
thead th,thead td{padding-top:0;font-size:12.5px;color:var(--soft);white-space:nowrap}
.tall thead th{position:sticky;top:0;background:var(--box)}
tbody th{min-width:120px;overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
.t{white-space:nowrap}
.bar{width:22%;min-width:48px;padding-left:12px;vertical-align:top}
.bar span{display:block;height:8px;margin-top:6px;min-width:1px;border-radius:2px;
  background:var(--accent);opacity:.75}
b.bad{font-weight:600}
.message{width:50%;min-width:230px;overflow-wrap:anywhere}
.state{white-space:nowrap;color:var(--soft)}
.state.lasts{color:var(--ink);font-weight:650}
footer{margin-top:12px;font-size:13px;color:var(--soft)}

@media screen and (max-width:760px){
  main{padding:24px 14px}
  h1{font-size:23px}
  .pair,.split{grid-template-columns:minmax(0,1fr)}
  .box{padding:16px 14px}
  .cards{grid-template-columns:repeat(2,minmax(0,1fr));gap:10px}
  .card{padding:12px 13px}
  .card:last-child:nth-child(odd){grid-column:1/-1}
  .card b{font-size:21px}
  .scroll{margin:0 -14px;padding:0 14px}
  .plot{padding-left:48px}
  .ys{width:41px}
  .xs{left:48px}
  .drawing,.ys{height:180px}
  .xs .minor{display:none}
  th,td{padding-left:14px}
  .span .to{display:block;height:0;overflow:hidden}
}
@media print{
  :root{--page:#fff;--box:#fff;--ink:#000;--soft:#444;--rule:#ccc;--wash:#eee;
    --accent:#2f5fd0;--accent-2:#7f9fe6;--accent-3:#c3d2f5;--bad:#b00;--grey:#999}
  @page{margin:14mm}
  *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
  body{font-size:11px}
  main{max-width:none;padding:0}
  .box,.card{border-radius:4px}
  .box{padding:12px 14px;margin-bottom:12px}
  .cards{grid-template-columns:repeat(4,1fr)}
  .card b{font-size:18px}
  table{font-size:11px}
  .scroll{margin:0;padding:0;overflow:visible}
  .tall{max-height:none}
  .tall thead th{position:static}
  figure,tr,.card,.head{break-inside:avoid}
  .head{break-after:avoid}
  thead{display:table-header-group}
  .drawing,.ys{height:150px}
  .hits{display:none}
}
"""
