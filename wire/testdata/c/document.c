/* What each kind of document must say, docs/wire.md section 8. CC0-1.0. */
#include "loa.h"

#include <stdio.h>
#include <string.h>

enum { MAX_CODE = 32, HALF_A_DAY = 43200000, TOKEN_LIFE = 60000 };

/* ---- shapes ---- */

#define FIELDS(name, ...)                                              \
	static const struct field name##_fields[] = {__VA_ARGS__, {NULL, NULL}}; \
	static const struct shape name = {JSON_OBJECT, name##_fields, NULL}
#define LIST(name, of) static const struct shape name = {JSON_LIST, NULL, &of}

FIELDS(a_point, {"lat", &a_number}, {"lon", &a_number});
LIST(points, a_point);
FIELDS(an_area, {"polygon", &points}, {"centre", &a_point}, {"radius", &a_number});
FIELDS(a_place, {"path", &a_text}, {"area", &an_area});
LIST(places, a_place);
FIELDS(a_sound, {"hash", &a_text}, {"bytes", &a_number}, {"ms", &a_number}, {"form", &a_text}, {"lang", &a_text});
LIST(sounds, a_sound);
FIELDS(a_setting, {"volume", &a_number}, {"logs", &a_number}, {"restart", &a_bool});
FIELDS(a_warrant, {"v", &a_number}, {"kind", &a_text}, {"id", &a_text}, {"class", &a_text}, {"role", &a_text}, {"issuer", &a_text},
       {"author", &a_text}, {"title", &a_text}, {"scope", &places}, {"from", &a_number}, {"until", &a_number}, {"media", &sounds},
       {"stops", &texts}, {"plays_day", &a_number}, {"plays", &a_number}, {"cap", &a_number}, {"event", &a_text}, {"now", &a_bool},
       {"seq", &a_number}, {"speech", &a_text}, {"approval", &a_text}, {"hazard", &a_text}, {"phrases", &texts}, {"mount", &a_text},
       {"length", &a_number}, {"setting", &a_setting}, {"poles", &texts}, {"ignorable", NULL});

FIELDS(a_slot, {"id", &a_text}, {"warrant", &a_text}, {"start", &a_number}, {"scope", &texts}, {"poles", &texts}, {"repeat", &a_number});
LIST(slots, a_slot);
FIELDS(a_mute, {"pole", &a_text}, {"from", &a_number}, {"until", &a_number});
LIST(mutes, a_mute);
FIELDS(a_plan, {"v", &a_number}, {"kind", &a_text}, {"path", &a_text}, {"version", &a_number}, {"made", &a_number}, {"until", &a_number},
       {"slots", &slots}, {"mutes", &mutes}, {"ignorable", NULL});

FIELDS(an_offer, {"hash", &a_text}, {"share", &a_number});
FIELDS(a_beacon, {"v", &a_number}, {"kind", &a_text}, {"path", &a_text}, {"number", &a_number}, {"time", &a_number}, {"plan", &a_text},
       {"plan_version", &a_number}, {"now", &texts}, {"policies", &texts}, {"trust", &texts}, {"placements", &a_number},
       {"epoch", &a_number}, {"mark", &a_number}, {"release", &an_offer}, {"phrases", &a_text}, {"root", &a_text},
       {"ignorable", NULL});

FIELDS(an_hour, {"days", &numbers}, {"from", &a_number}, {"until", &a_number});
LIST(hours, an_hour);
FIELDS(a_volume, {"from", &a_number}, {"until", &a_number}, {"percent", &a_number});
LIST(volumes, a_volume);
FIELDS(a_placement, {"v", &a_number}, {"kind", &a_text}, {"device", &a_text}, {"pole", &a_text}, {"code", &a_text}, {"name", &a_text},
       {"key", &a_text}, {"version", &a_number}, {"paths", &texts}, {"at", &a_point}, {"cap", &a_number}, {"volumes", &volumes},
       {"hours", &hours}, {"local_mic", &a_bool}, {"revoked", &a_bool}, {"ignorable", NULL});

FIELDS(an_exception, {"from", &a_number}, {"until", &a_number}, {"reason", &a_text});
LIST(exceptions, an_exception);
FIELDS(a_span, {"from", &a_number}, {"until", &a_number});
LIST(spans, a_span);
FIELDS(a_policy, {"v", &a_number}, {"kind", &a_text}, {"path", &a_text}, {"version", &a_number}, {"hours", &hours}, {"volume", &a_number},
       {"volumes", &volumes}, {"exceptions", &exceptions}, {"mourning", &spans}, {"from", &a_number}, {"until", &a_number},
       {"ignorable", NULL});

FIELDS(a_time, {"v", &a_number}, {"kind", &a_text}, {"nonce", &a_text}, {"received", &a_number}, {"sent", &a_number});
FIELDS(a_token, {"v", &a_number}, {"kind", &a_text}, {"device", &a_text}, {"at", &a_number}, {"nonce", &a_text});

FIELDS(a_line, {"n", &a_number}, {"slot", &a_text}, {"warrant", &a_text}, {"planned", &a_number}, {"started", &a_number}, {"ms", &a_number},
       {"skew_us", &a_number}, {"volume", &a_number}, {"result", &a_text}, {"why", &a_text}, {"clock", &a_text}, {"verified", &a_bool});
LIST(lines, a_line);
FIELDS(a_receipt, {"v", &a_number}, {"kind", &a_text}, {"device", &a_text}, {"at", &a_number}, {"lines", &lines}, {"ignorable", NULL});

FIELDS(a_beat, {"v", &a_number}, {"kind", &a_text}, {"device", &a_text}, {"at", &a_number}, {"state", &a_text}, {"slot", &a_text},
       {"warrant", &a_text}, {"why", &a_text}, {"volume", &a_number}, {"disk_free", &a_number}, {"offset_us", &a_number},
       {"clock", &a_text}, {"plan", &a_number}, {"version", &a_text}, {"uptime", &a_number}, {"release", &a_text},
       {"update", &a_text}, {"update_why", &a_text});

FIELDS(a_build, {"system", &a_text}, {"hash", &a_text}, {"bytes", &a_number});
LIST(builds, a_build);
FIELDS(a_release, {"v", &a_number}, {"kind", &a_text}, {"product", &a_text}, {"number", &a_number}, {"text", &a_text},
       {"replaces", &a_number}, {"from", &a_number}, {"until", &a_number}, {"builds", &builds}, {"ignorable", NULL});

FIELDS(a_phrase, {"id", &a_text}, {"media", &a_sound}, {"text", &a_text});
LIST(entries, a_phrase);
FIELDS(a_phrase_set, {"v", &a_number}, {"kind", &a_text}, {"path", &a_text}, {"version", &a_number}, {"from", &a_number},
       {"until", &a_number}, {"entries", &entries}, {"ignorable", NULL});
FIELDS(a_log, {"v", &a_number}, {"kind", &a_text}, {"device", &a_text}, {"at", &a_number}, {"warrant", &a_text}, {"lines", &texts});

/* ---- small questions ---- */

static bool between(int64_t n, int64_t least, int64_t most)
{
	return n >= least && n <= most;
}

static bool one_of(struct text t, const char *const *words)
{
	for (; *words != NULL; words++)
		if (text_is(t, *words))
			return true;
	return false;
}

static bool hashes_ok(const struct json *list)
{
	for (; list != NULL; list = list->next)
		if (!is_hash(list->text))
			return false;
	return true;
}

static bool paths_ok(const struct json *list)
{
	for (; list != NULL; list = list->next)
		if (!path_ok(list->text))
			return false;
	return true;
}

static bool code_ok(struct text t)
{
	return t.n > 0 && t.n <= MAX_CODE;
}

static bool point_ok(const struct json *p)
{
	return between(json_number(p, "lat"), -90000000, 90000000) && between(json_number(p, "lon"), -180000000, 180000000);
}

static bool minutes_ok(const struct json *s)
{
	return json_number(s, "from") >= 0 && json_number(s, "until") <= 1440 && json_number(s, "from") < json_number(s, "until");
}

static bool hours_ok(const struct json *h)
{
	for (; h != NULL; h = h->next) {
		if (!between((int64_t)json_count(h, "days"), 1, 7) || !minutes_ok(h))
			return false;
		for (const struct json *d = json_first(h, "days"); d != NULL; d = d->next)
			if (!between(d->number, 1, 7))
				return false;
	}
	return true;
}

static bool volumes_ok(const struct json *v)
{
	for (; v != NULL; v = v->next)
		if (!minutes_ok(v) || !between(json_number(v, "percent"), 1, 100))
			return false;
	return true;
}

static bool span_ok(const struct json *s)
{
	return json_number(s, "from") > 0 && json_number(s, "from") < json_number(s, "until");
}

/* The first three segments; empty where there are fewer. */
static struct text commune(struct text path)
{
	int slashes = 0;
	for (size_t i = 0; i < path.n; i++)
		if (path.at[i] == '/' && ++slashes == 3)
			return (struct text){path.at, i};
	return slashes == 2 ? path : (struct text){"", 0};
}

static bool clock_ok(struct text t)
{
	return one_of(t, (const char *const[]){"trusted", "degraded", "unknown", NULL});
}

/* BCP 47: a language of two or three small letters, then parts of up to eight
 * letters and digits. Nobody said: empty. */
static bool lang_ok(struct text t)
{
	if (t.n > 35)
		return false;
	size_t part = 0, length = 0;
	for (size_t i = 0; t.n > 0 && i <= t.n; i++) {
		char c = i < t.n ? t.at[i] : '-';
		if (c == '-') {
			if (length < (part == 0 ? 2u : 1u) || length > (part == 0 ? 3u : 8u))
				return false;
			part++;
			length = 0;
			continue;
		}
		bool small = c >= 'a' && c <= 'z', other = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!small && (part == 0 || !other))
			return false;
		length++;
	}
	return true;
}

static bool urgent(struct text class)
{
	return text_is(class, "emergency") || text_is(class, "exercise");
}

static bool sound_ok(const struct json *m)
{
	return is_hash(json_text(m, "hash")) && between(json_number(m, "bytes"), 1, 64 << 20) && between(json_number(m, "ms"), 1, 3600000) &&
	       lang_ok(json_text(m, "lang"));
}

/* Letters, digits and hyphens: the id of a phrase, the name of a mount. */
static bool name_ok(struct text t, size_t most)
{
	for (size_t i = 0; i < t.n; i++)
		if (!(t.at[i] >= 'a' && t.at[i] <= 'z') && !(t.at[i] >= '0' && t.at[i] <= '9') && t.at[i] != '-')
			return false;
	return t.n > 0 && t.n <= most;
}

static bool hazard_ok(struct text t)
{
	return name_ok(t, 32) && !text_is(t, "siren") && !text_is(t, "exercise");
}

static bool codes_ok(const struct json *list)
{
	for (; list != NULL; list = list->next)
		if (!code_ok(list->text))
			return false;
	return true;
}

static const char *head(const struct json *d, const char *kind)
{
	if (json_number(d, "v") != 0)
		return "document.version";
	return text_is(json_text(d, "kind"), kind) ? NULL : "document.kind";
}

/* ---- the kinds ---- */

const char *scope_check(const struct json *scope)
{
	size_t n = scope == NULL ? 0 : scope->count;
	if (n == 0)
		return "scope.empty";
	if (n > 64)
		return "scope.too_many";
	for (const struct json *e = scope->first; e != NULL; e = e->next) {
		if (!path_ok(json_text(e, "path")))
			return "path.malformed";
		const struct json *area = json_get(e, "area"), *centre = json_get(area, "centre");
		if (area == NULL)
			continue;
		size_t corners = json_count(area, "polygon");
		int64_t radius = json_number(area, "radius");
		bool polygon = corners >= 3 && corners <= 32 && centre == NULL && radius == 0;
		bool circle = corners == 0 && centre != NULL && between(radius, 1, 100000);
		if (!polygon && !circle)
			return "scope.malformed";
		if (circle && !point_ok(centre))
			return "scope.malformed";
		int64_t before = 0, last = 0;
		for (const struct json *p = json_first(area, "polygon"); p != NULL; p = p->next)
			last = json_number(p, "lon");
		for (const struct json *p = json_first(area, "polygon"); p != NULL; p = p->next) {
			before = p == json_first(area, "polygon") ? last : before;
			int64_t east = json_number(p, "lon") - before;
			if (!point_ok(p) || east > 180000000 || east < -180000000) /* an edge over the date line */
				return "scope.malformed";
			before = json_number(p, "lon");
		}
	}
	return NULL;
}

static bool plays_ok(const struct json *w)
{
	int64_t day = json_number(w, "plays_day"), all = json_number(w, "plays");
	return between(day, 1, 100) && between(all, day, 10000) && between(json_number(w, "cap"), 1, 100);
}

static bool play_ok(const struct json *w)
{
	bool alarm = urgent(json_text(w, "class"));
	struct text hazard = json_text(w, "hazard");
	if (alarm != json_bool(w, "now") || !between((int64_t)json_count(w, "media"), 1, 4))
		return false;
	for (const struct json *m = json_first(w, "media"); m != NULL; m = m->next)
		if (!sound_ok(m))
			return false;
	if (hazard.n > 0 && (!alarm || !hazard_ok(hazard)))
		return false;
	return plays_ok(w) && one_of(json_text(w, "speech"), (const char *const[]){"synthetic", "recorded", NULL});
}

static bool phrase_ok(const struct json *w)
{
	if (!urgent(json_text(w, "class")) || !json_bool(w, "now") || !between((int64_t)json_count(w, "phrases"), 1, 8))
		return false;
	for (const struct json *p = json_first(w, "phrases"); p != NULL; p = p->next)
		if (!name_ok(p->text, 32) || text_is(p->text, "exercise")) /* the device adds that by itself */
			return false;
	return between(json_number(w, "cap"), 1, 100);
}

static bool stream_ok(const struct json *w)
{
	bool waits = urgent(json_text(w, "class")) && !json_bool(w, "now");
	return !waits && name_ok(json_text(w, "mount"), 64) && between(json_number(w, "length"), 1000, 14400000) && plays_ok(w);
}

static bool stop_ok(const struct json *w)
{
	return json_bool(w, "now") && between((int64_t)json_count(w, "stops"), 1, 16) && hashes_ok(json_first(w, "stops"));
}

static bool setting_ok(const struct json *w)
{
	const struct json *s = json_get(w, "setting");
	int64_t volume = json_number(s, "volume"), logs = json_number(s, "logs");
	int told = (volume != 0) + (logs != 0) + json_bool(s, "restart");
	return text_is(json_text(w, "class"), "normal") && json_bool(w, "now") && told == 1 && between(volume, 0, 100) && between(logs, 0, 500) &&
	       json_count(w, "poles") <= 64 && codes_ok(json_first(w, "poles"));
}

/* Fields that belong to some kinds only. In another they mean nothing, and two
 * readers would give them two meanings. */
static bool has_foreign(const struct json *w)
{
	static const struct {
		const char *name, *kinds;
	} fields[] = {{"media", "play"}, {"hazard", "play"}, {"speech", "play stop"}, {"phrases", "phrase"}, {"mount", "stream"},
	              {"length", "stream"}, {"setting", "setting"}, {"poles", "setting"}, {"stops", "stop"}, {"plays", "play stream"},
	              {"plays_day", "play stream"}, {"cap", "play phrase stream stop"}};
	char kind[16];
	struct text k = json_text(w, "kind");
	snprintf(kind, sizeof kind, "%.*s", (int)k.n, k.at);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		const struct json *f = json_get(w, fields[i].name);
		bool there = f != NULL && (f->type == JSON_OBJECT || f->count > 0 || f->text.n > 0 || f->number != 0);
		if (there && strstr(fields[i].kinds, kind) == NULL)
			return true;
	}
	return false;
}

static const char *warrant_check(const struct json *w)
{
	static const struct {
		const char *kind;
		bool (*ok)(const struct json *);
	} kinds[] = {{"play", play_ok}, {"phrase", phrase_ok}, {"stream", stream_ok}, {"stop", stop_ok}, {"setting", setting_ok}};
	static const char no[] = "warrant.malformed";
	struct text class = json_text(w, "class"), approval = json_text(w, "approval"), author = json_text(w, "author");
	size_t kind = 0, n = sizeof kinds / sizeof kinds[0];
	while (kind < n && !text_is(json_text(w, "kind"), kinds[kind].kind))
		kind++;
	if (json_number(w, "v") != 0)
		return "document.version";
	if (kind == n)
		return "document.kind";
	if (!is_id(json_text(w, "id")) || !one_of(class, (const char *const[]){"normal", "priority", "emergency", "exercise", NULL}))
		return no;
	if (!path_ok(json_text(w, "issuer")))
		return "path.malformed";
	const char *why = scope_check(json_get(w, "scope"));
	if (why != NULL)
		return why;
	if (author.n == 0 || author.n > 64 || json_text(w, "title").n > 200 || !span_ok(w))
		return no;
	if (!one_of(approval, (const char *const[]){"passkey", "weak", NULL}))
		return no;
	if (text_is(approval, "weak") && !text_is(class, "normal"))
		return "warrant.weak_approval";
	if (json_text(w, "role").n > 0 && (kind != 0 || !text_is(class, "normal") ||
	                                   !one_of(json_text(w, "role"), (const char *const[]){"tune", "greeting", "music", "goodbye", "test", NULL})))
		return no;
	if (json_bool(w, "now") != (json_number(w, "seq") > 0) || has_foreign(w))
		return no;
	return kinds[kind].ok(w) ? NULL : no;
}

/* At most 1000 slots: comparing each with each is half a million comparisons of a few bytes. */
static bool id_used_before(const struct json *slots, const struct json *slot)
{
	for (; slots != slot; slots = slots->next)
		if (text_same(json_text(slots, "id"), json_text(slot, "id")))
			return true;
	return false;
}

static const char *plan_check(const struct json *p)
{
	static const char no[] = "plan.malformed";
	const char *why = head(p, "plan");
	if (why != NULL)
		return why;
	if (!path_ok(json_text(p, "path")))
		return "path.malformed";
	if (json_number(p, "version") < 1 || json_number(p, "made") <= 0 || json_number(p, "until") <= json_number(p, "made") ||
	    json_count(p, "slots") > 1000)
		return no;
	for (const struct json *s = json_first(p, "slots"); s != NULL; s = s->next) {
		if (!between((int64_t)json_text(s, "id").n, 1, 64) || id_used_before(json_first(p, "slots"), s) || !is_hash(json_text(s, "warrant")) || json_number(s, "start") <= 0 ||
		    !between(json_number(s, "repeat"), 0, 3) || json_count(s, "poles") > 64)
			return no;
		for (const struct json *c = json_first(s, "poles"); c != NULL; c = c->next)
			if (!code_ok(c->text))
				return no;
		if (!paths_ok(json_first(s, "scope")))
			return "path.malformed";
	}
	if (json_count(p, "mutes") > 256)
		return no;
	for (const struct json *m = json_first(p, "mutes"); m != NULL; m = m->next)
		if (!code_ok(json_text(m, "pole")) || !span_ok(m))
			return no;
	return NULL;
}

static const char *beacon_check(const struct json *b)
{
	static const char no[] = "beacon.malformed";
	const char *why = head(b, "beacon");
	if (why != NULL)
		return why;
	if (!path_ok(json_text(b, "path")))
		return "path.malformed";
	if (json_number(b, "number") < 1 || json_number(b, "time") <= 0 || json_count(b, "now") > 32 || json_count(b, "policies") > 8 ||
	    json_count(b, "trust") > 12)
		return no;
	if (!hashes_ok(json_first(b, "now")) || !hashes_ok(json_first(b, "policies")) || !hashes_ok(json_first(b, "trust")))
		return no;
	struct text plan = json_text(b, "plan");
	struct text phrases = json_text(b, "phrases"), root = json_text(b, "root");
	if ((plan.n > 0 && !is_hash(plan)) || (phrases.n > 0 && !is_hash(phrases)) || (root.n > 0 && !is_hash(root)))
		return no;
	const struct json *offer = json_get(b, "release");
	return offer == NULL || (is_hash(json_text(offer, "hash")) && between(json_number(offer, "share"), 1, 100)) ? NULL : no;
}

static const char *placement_check(const struct json *p)
{
	static const char no[] = "placement.malformed";
	const char *why = head(p, "placement");
	if (why != NULL)
		return why;
	if (!is_id(json_text(p, "device")) || !is_id(json_text(p, "pole")) || json_number(p, "version") < 1 ||
	    !between(json_number(p, "cap"), 1, 100))
		return no;
	if (json_get(p, "at") != NULL && !point_ok(json_get(p, "at")))
		return no;
	if (json_text(p, "code").n > MAX_CODE || json_count(p, "hours") > 8 || !hours_ok(json_first(p, "hours")) ||
	    json_count(p, "volumes") > 8 || !volumes_ok(json_first(p, "volumes")))
		return no;
	if (!between((int64_t)json_count(p, "paths"), 1, 16))
		return no;
	for (const struct json *q = json_first(p, "paths"); q != NULL; q = q->next) {
		if (!path_ok(q->text))
			return "path.malformed";
		struct text c = commune(q->text);
		if (c.n == 0 || !text_same(c, commune(json_first(p, "paths")->text)))
			return no;
	}
	struct key k;
	return key_read(json_text(p, "key"), &k);
}

static const char *policy_check(const struct json *p)
{
	static const char no[] = "policy.malformed";
	const char *why = head(p, "policy");
	if (why != NULL)
		return why;
	if (!path_ok(json_text(p, "path")))
		return "path.malformed";
	if (json_number(p, "version") < 1 || !between(json_number(p, "volume"), 0, 100) || json_number(p, "from") >= json_number(p, "until"))
		return no;
	if (json_count(p, "hours") > 32 || !hours_ok(json_first(p, "hours")) || json_count(p, "volumes") > 8 ||
	    !volumes_ok(json_first(p, "volumes")) || json_count(p, "exceptions") > 8 || json_count(p, "mourning") > 8)
		return no;
	for (const struct json *e = json_first(p, "exceptions"); e != NULL; e = e->next)
		if (!span_ok(e) || json_number(e, "until") - json_number(e, "from") > HALF_A_DAY ||
		    !between((int64_t)json_text(e, "reason").n, 1, 120))
			return no;
	for (const struct json *m = json_first(p, "mourning"); m != NULL; m = m->next)
		if (!span_ok(m))
			return no;
	return NULL;
}

static bool has_phrase(const struct json *entries, const struct json *end, struct text id)
{
	for (; entries != end; entries = entries->next)
		if (text_same(json_text(entries, "id"), id))
			return true;
	return false;
}

static const char *phrases_check(const struct json *s)
{
	static const char no[] = "phrases.malformed";
	const char *why = head(s, "phrases");
	if (why != NULL)
		return why;
	if (!path_ok(json_text(s, "path")))
		return "path.malformed";
	const struct json *first = json_first(s, "entries");
	if (json_number(s, "version") < 1 || !span_ok(s) || json_count(s, "entries") > 32)
		return no;
	for (const struct json *e = first; e != NULL; e = e->next) {
		struct text id = json_text(e, "id"), text = json_text(e, "text");
		const struct json *m = json_get(e, "media");
		if (!name_ok(id, 32) || has_phrase(first, e, id) || !sound_ok(m) || json_number(m, "ms") > 60000 ||
		    !text_is(json_text(m, "form"), "mp3-64-32-1") || text.n > 500 || (hazard_ok(id) && text.n == 0))
			return no;
	}
	return has_phrase(first, NULL, text_of("siren")) && has_phrase(first, NULL, text_of("exercise")) ? NULL : no;
}

static const char *log_check(const struct json *l)
{
	const char *why = head(l, "log");
	if (why != NULL)
		return why;
	bool ok = is_id(json_text(l, "device")) && json_number(l, "at") > 0 && is_hash(json_text(l, "warrant")) && json_count(l, "lines") <= 500;
	for (const struct json *s = json_first(l, "lines"); s != NULL; s = s->next)
		ok = ok && s->text.n <= 400;
	return ok ? NULL : "log.malformed";
}

static const char *receipt_check(const struct json *r)
{
	static const char no[] = "receipt.malformed";
	const char *why = head(r, "receipt");
	if (why != NULL)
		return why;
	if (!is_id(json_text(r, "device")) || !between((int64_t)json_count(r, "lines"), 1, 100))
		return no;
	int64_t last = 0;
	for (const struct json *l = json_first(r, "lines"); l != NULL; l = l->next) {
		int64_t n = json_number(l, "n");
		if (n < 1 || (last > 0 && n != last + 1) || !is_hash(json_text(l, "warrant")) || json_text(l, "slot").n > 64 ||
		    json_text(l, "why").n > 64)
			return no;
		if (!one_of(json_text(l, "result"), (const char *const[]){"played", "partly", "stopped", "refused", "missed", NULL}))
			return no;
		if (!clock_ok(json_text(l, "clock")) || json_number(l, "ms") < 0 || json_number(l, "started") < 0)
			return no;
		last = n;
	}
	return NULL;
}

static const char *beat_check(const struct json *b)
{
	const char *why = head(b, "beat");
	if (why != NULL)
		return why;
	struct text warrant = json_text(b, "warrant");
	if (!is_id(json_text(b, "device")) || json_text(b, "slot").n > 64 || json_text(b, "why").n > 64 || json_text(b, "version").n > 64 ||
	    (warrant.n > 0 && !is_hash(warrant)) || !clock_ok(json_text(b, "clock")) ||
	    !one_of(json_text(b, "state"), (const char *const[]){"idle", "accepted", "sounding", "refused", "finished", NULL}))
		return "beat.malformed";
	struct text release = json_text(b, "release"), update = json_text(b, "update"), why_not = json_text(b, "update_why");
	if (release.n == 0 && update.n == 0 && why_not.n == 0)
		return NULL;
	if (!is_hash(release) || why_not.n > 64 ||
	    !one_of(update, (const char *const[]){"fetching", "waiting", "proving", "returned", "refused", NULL}))
		return "beat.malformed";
	return NULL;
}

/* Lower-case letters and digits, and others where they are named. */
static bool plain(struct text t, size_t most, const char *others)
{
	if (t.n == 0 || t.n > most)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.at[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!letter && (i == 0 || c == 0 || strchr(others, c) == NULL))
			return false;
	}
	return true;
}

/* Such as linux/armv7. */
static bool system_ok(struct text t)
{
	const char *slash = t.n == 0 ? NULL : memchr(t.at, '/', t.n);
	if (slash == NULL || t.n > 32)
		return false;
	size_t n = (size_t)(slash - t.at);
	return plain((struct text){t.at, n}, 31, "") && plain((struct text){slash + 1, t.n - n - 1}, 24, "");
}

static const char *release_check(const struct json *r)
{
	static const char no[] = "release.malformed", letters[] = ".+~-";
	int64_t number = json_number(r, "number"), replaces = json_number(r, "replaces");
	const char *why = head(r, "release");
	if (why != NULL)
		return why;
	if (!plain(json_text(r, "product"), 32, letters) || !plain(json_text(r, "text"), 32, letters) || number < 1 ||
	    !between(replaces, 0, number - 1) || !span_ok(r) || !between((int64_t)json_count(r, "builds"), 1, 16))
		return no;
	for (const struct json *b = json_first(r, "builds"); b != NULL; b = b->next) {
		if (!system_ok(json_text(b, "system")) || !is_hash(json_text(b, "hash")) || !between(json_number(b, "bytes"), 1, 64 << 20))
			return no;
		for (const struct json *o = json_first(r, "builds"); o != b; o = o->next)
			if (text_same(json_text(o, "system"), json_text(b, "system")))
				return no;
	}
	return NULL;
}

static bool nonce_ok(const struct json *d)
{
	return between((int64_t)json_text(d, "nonce").n, 16, 64);
}

static const char *token_check(const struct json *t)
{
	const char *why = head(t, "token");
	if (why != NULL)
		return why;
	return is_id(json_text(t, "device")) && json_number(t, "at") > 0 && nonce_ok(t) ? NULL : "token.malformed";
}

static const char *time_check(const struct json *t)
{
	const char *why = head(t, "time");
	if (why != NULL)
		return why;
	return nonce_ok(t) && json_number(t, "received") > 0 && json_number(t, "sent") >= json_number(t, "received") ? NULL : "time.malformed";
}

/* ---- kinds by name ---- */

struct kind {
	const char *name;
	size_t limit;
	const struct shape *shape;
	const char *(*check)(const struct json *);
	const char *role; /* who seals it; NULL: the device itself, or nobody */
};

static const struct kind kinds[] = {
	{"warrant", MAX_DOCUMENT, &a_warrant, warrant_check, "authority"},
	{"plan", MAX_PLAN, &a_plan, plan_check, "dispatch"},
	{"beacon", MAX_DOCUMENT, &a_beacon, beacon_check, "beacon"},
	{"placement", MAX_DOCUMENT, &a_placement, placement_check, "authority"},
	{"policy", MAX_DOCUMENT, &a_policy, policy_check, "authority"},
	{"time", MAX_DOCUMENT, &a_time, time_check, "beacon"},
	{"release", MAX_DOCUMENT, &a_release, release_check, "release"},
	{"phrases", MAX_PHRASES, &a_phrase_set, phrases_check, "authority"},
	{"log", MAX_RECEIPT, &a_log, log_check, NULL},
	{"receipt", MAX_RECEIPT, &a_receipt, receipt_check, NULL},
	{"token", MAX_DOCUMENT, &a_token, token_check, NULL},
	{"beat", MAX_DOCUMENT, &a_beat, beat_check, NULL},
};

static const struct kind *kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *document_read(struct pool *p, const char *name, struct text payload, struct json **out)
{
	const struct kind *k = kind_of(name);
	if (k == NULL)
		return "document.kind";
	const char *why = json_read(p, payload, k->limit, k->shape, out);
	return why != NULL ? why : k->check(*out);
}

/* The places a document speaks for, its class and its moment: the table at the
 * end of section 5. */
static struct need need_of(const struct kind *k, const struct json *d, const struct asked *a)
{
	struct need n = {.role = k->role, .at = a->now};
	if (strcmp(k->name, "warrant") == 0) {
		n.class = json_text(d, "class");
		n.paths[n.count++] = json_text(d, "issuer");
		for (const struct json *e = json_first(d, "scope"); e != NULL; e = e->next)
			n.paths[n.count++] = json_text(e, "path");
	} else if (strcmp(k->name, "placement") == 0) {
		for (const struct json *q = json_first(d, "paths"); q != NULL; q = q->next)
			n.paths[n.count++] = q->text;
	} else if (strcmp(k->name, "release") == 0) {
		n.paths[n.count++] = a->place;
	} else if (strcmp(k->name, "time") == 0) {
		n.paths[n.count++] = a->place;
		if (a->now == 0) /* the device does not know the time; the nonce says that the answer is fresh */
			n.at = json_number(d, "received") / 1000;
	} else {
		n.paths[n.count++] = json_text(d, "path");
	}
	return n;
}

static const char *by_device(struct pool *p, const struct opened *o, const struct key *device)
{
	struct keys keys = {1, 1, {*device}};
	return sealed_by(p, o, &keys) == 1 ? NULL : "seal.unknown_key";
}

const char *document_open(struct pool *p, const char *name, struct text envelope, const struct asked *a, struct json **out)
{
	static const char before[] = "application/vnd.loa.", after[] = "+json";
	const struct kind *k = kind_of(name);
	struct opened o;
	const char *why = k == NULL ? "document.kind" : envelope_open(p, envelope, k->limit, &o);
	if (why != NULL)
		return why;
	struct text type = o.type;
	size_t n = strlen(name), b = sizeof before - 1, e = sizeof after - 1;
	if (type.n != b + n + e || memcmp(type.at, before, b) != 0 || memcmp(type.at + b, name, n) != 0 || memcmp(type.at + b + n, after, e) != 0)
		return "document.wrong_type";
	if ((why = document_read(p, name, o.payload, out)) != NULL)
		return why;
	if (strcmp(name, "token") == 0) {
		int64_t at = json_number(*out, "at");
		if (at < a->now - TOKEN_LIFE || at > a->now + TOKEN_LIFE)
			return "token.wrong_date";
	}
	if (k->role == NULL)
		return by_device(p, &o, &a->device);
	struct need need = need_of(k, *out, a);
	return trust_check(p, a->trust, &o, &need);
}
