// SPDX-License-Identifier: GPL-2.0-only
/* The page: one file, without scripts and without anything from elsewhere. */
#include <string.h>

#include "page.h"

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#59636e;--line:#d1d9e0;--card:#f6f8fa;--own:#0969da;"
	"--peer:#8c959f;--bad:#cf222e;--good:#1a7f37}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--card:#151b23;"
	"--own:#4493f8;--peer:#7d8590;--bad:#f85149;--good:#3fb950}}\n"
	"*{box-sizing:border-box}body{margin:0 auto;padding:1rem;max-width:90rem;background:var(--bg);color:var(--fg);"
	"font:15px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}\n"
	"h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:2rem 0 .3rem;border-bottom:1px solid var(--line)}\n"
	"p{margin:.3rem 0}small,.dim{color:var(--dim)}a{color:var(--own)}nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem}\n"
	"code{font-size:.9em}.bad{color:var(--bad)}.good{color:var(--good)}.slow{color:var(--bad)}.fast{color:var(--good)}\n"
	".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:.7rem;margin:.7rem 0}\n"
	".card{border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem;background:var(--card);min-width:0}\n"
	".head{display:flex;justify-content:space-between;gap:.7rem}.head b{white-space:nowrap}\n"
	".line{display:block;width:100%;height:auto;max-height:6rem;margin-top:.3rem}.base{stroke:var(--line);fill:none}\n"
	"polyline{fill:none;stroke:var(--own);stroke-width:1.5}circle{fill:var(--own)}circle.bad{fill:var(--bad)}\n"
	".bar{display:grid;grid-template-columns:minmax(4rem,38%) 1fr auto;gap:.5rem;align-items:center;font-size:.85rem}\n"
	".bar svg{width:100%;height:.7rem}.bar rect{fill:var(--peer)}.bar rect.own{fill:var(--own)}.bar b{font-weight:500}\n"
	".wide{overflow-x:auto;margin:.7rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
	"th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid var(--line);white-space:nowrap}\n"
	"td.cmd{white-space:normal;min-width:12rem}summary{cursor:pointer}\n";

void html_text(FILE *f, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '"': fputs("&quot;", f); break;
		case '\'': fputs("&#39;", f); break;
		default:
			fputc((unsigned char)*s < 32 || *s == 127 ? ' ' : *s, f);
		}
	}
}

static void group_name(FILE *f, const struct group *g)
{
	html_text(f, g->what);
	if (*g->kernel) {
		fputs(" on ", f);
		html_text(f, g->kernel);
	}
}

static void ending(FILE *f, int code)
{
	fprintf(f, "<span class=\"%s\">%s</span>", code ? "bad" : "good", ending_text(code));
}

static void failed_write(FILE *f, const struct entry *e)
{
	size_t n = e->failed ? json_object_array_length(e->failed) : 0;

	if (!n)
		return;
	fputs("<p class=\"bad\">failed:", f);
	for (size_t i = 0; i < n; i++) {
		struct json_object *v = json_object_array_get_idx(e->failed, i);

		if (!json_object_is_type(v, json_type_string))
			continue;
		fputs(i ? ", " : " ", f);
		html_text(f, json_object_get_string(v));
	}
	fputs("</p>\n", f);
}

/* The last runs, newest first. */
static void runs_table(FILE *f, const struct group *g)
{
	char buf[32];

	fprintf(f, "<details><summary>%zu run%s</summary><div class=\"wide\"><table><tr><th>date (UTC)</th><th>commit</th>"
		"<th>result</th><th>seconds</th><th>seed</th><th>command</th></tr>\n", g->n, g->n == 1 ? "" : "s");
	for (size_t i = g->n; i-- > 0 && g->n - i <= RUNS_LISTED;) {
		const struct entry *e = g->runs[i];

		fprintf(f, "<tr><td>%s</td><td><code>", date_text(e->time, buf));
		html_text(f, e->commit);
		fputs("</code></td><td>", f);
		ending(f, e->code);
		fprintf(f, "</td><td>%s</td><td>", e->seconds < 0 ? "" : number_text(e->seconds, buf));
		html_text(f, e->seed);
		fputs("</td><td class=\"cmd\"><code>./vex ", f);
		html_text(f, e->command);
		fputs("</code></td></tr>\n", f);
	}
	fputs("</table></div></details>\n", f);
}

static void group_write(FILE *f, const struct group *g, size_t number)
{
	const struct entry *e = group_last(g);
	char buf[32];

	fprintf(f, "<section><h2 id=\"g%zu\">", number);
	group_name(f, g);
	fputs("</h2>\n<p>", f);
	ending(f, e->code);
	fprintf(f, " <span class=\"dim\">%s UTC, commit <code>", date_text(e->time, buf));
	html_text(f, *e->commit ? e->commit : "unknown");
	fputs("</code></span></p>\n", f);
	failed_write(f, e);
	plot_counts(f, g);
	plot_rows(f, g);
	runs_table(f, g);
	fputs("</section>\n", f);
}

static void broken_write(FILE *f, const struct history *h)
{
	if (!h->broken)
		return;
	fprintf(f, "<p class=\"bad\">%lu broken line%s of the history left out: line", h->broken, h->broken == 1 ? "" : "s");
	for (unsigned long i = 0; i < h->broken && i < BROKEN_NAMED; i++)
		fprintf(f, "%s %lu", i ? "," : "", h->broken_at[i]);
	fprintf(f, "%s</p>\n", h->broken > BROKEN_NAMED ? " ..." : "");
}

void html_write(FILE *f, const struct history *h, const char *module)
{
	char first[32], last[32];

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>",
	      f);
	html_text(f, module);
	fprintf(f, ": campaigns and benchmarks</title>\n<style>\n%s</style></head><body>\n<h1>", style);
	html_text(f, module);
	fprintf(f, ": campaigns and benchmarks</h1>\n<p class=\"dim\">%zu runs, %s to %s UTC. A dot is a run; its commit is "
		"shown under the pointer. Plots begin at zero. Ratios: best of the others / vexfs, above 1 VexFS is "
		"faster.</p>\n", h->n, date_text(h->entries[0].time, first), date_text(h->entries[h->n - 1].time, last));
	broken_write(f, h);
	fputs("<nav>", f);
	for (size_t i = 0; i < h->ngroups; i++) {
		fprintf(f, "<a href=\"#g%zu\">", i);
		group_name(f, &h->groups[i]);
		fputs("</a>\n", f);
	}
	fputs("</nav>\n", f);
	for (size_t i = 0; i < h->ngroups; i++)
		group_write(f, &h->groups[i], i);
	fputs("</body></html>\n", f);
}
