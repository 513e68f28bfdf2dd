/* What every box decides alike, docs/wire.md section 7. CC0-1.0. */
#include "loa.h"

#include <math.h>
#include <string.h>

enum { MINUTE = 60000, DAY = 86400000, LOCAL = 7 * 3600000, SPACING = 2000 };

static int64_t lower(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t higher(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---- where ---- */

/* Integers only. Southern and western edges are inside, northern and eastern
 * are not, so that areas which share an edge never both sound. */
static bool in_polygon(const struct json *polygon, int64_t lat, int64_t lon)
{
	bool in = false;
	const struct json *q = polygon;
	while (q->next != NULL)
		q = q->next;
	for (const struct json *p = polygon; p != NULL; q = p, p = p->next) {
		int64_t plat = json_number(p, "lat"), plon = json_number(p, "lon"), qlat = json_number(q, "lat"), qlon = json_number(q, "lon");
		if ((plat > lat) == (qlat > lat))
			continue;
		int64_t side = (qlon - plon) * (lat - plat) - (lon - plon) * (qlat - plat);
		if (qlat < plat)
			side = -side;
		if (side > 0)
			in = !in;
	}
	return in;
}

static double radians(int64_t microdegrees)
{
	return (double)microdegrees / 1e6 * 3.14159265358979323846 / 180;
}

static double metres(int64_t lat1, int64_t lon1, int64_t lat2, int64_t lon2)
{
	double north = sin(radians(lat2 - lat1) / 2), east = sin(radians(lon2 - lon1) / 2);
	double h = north * north + cos(radians(lat1)) * cos(radians(lat2)) * east * east;
	return 2 * 6371000 * asin(fmin(1, sqrt(h)));
}

static bool in_area(const struct json *area, const struct json *at)
{
	if (at == NULL)
		return false;
	int64_t lat = json_number(at, "lat"), lon = json_number(at, "lon");
	const struct json *centre = json_get(area, "centre"), *polygon = json_first(area, "polygon");
	if (centre != NULL)
		return metres(json_number(centre, "lat"), json_number(centre, "lon"), lat, lon) <= (double)json_number(area, "radius");
	return polygon != NULL && in_polygon(polygon, lat, lon);
}

static bool covers_one(struct text above, const struct json *paths)
{
	for (; paths != NULL; paths = paths->next)
		if (path_covers(above, paths->text))
			return true;
	return false;
}

bool in_scope(const struct json *scope, const struct json *placement)
{
	for (const struct json *e = scope == NULL ? NULL : scope->first; e != NULL; e = e->next) {
		const struct json *area = json_get(e, "area");
		if (covers_one(json_text(e, "path"), json_first(placement, "paths")) && (area == NULL || in_area(area, json_get(placement, "at"))))
			return true;
	}
	return false;
}

/* ---- when ---- */

static int64_t midnight_before(int64_t at)
{
	int64_t into = (at + LOCAL) % DAY;
	return at - (into < 0 ? into + DAY : into);
}

static int64_t weekday(int64_t midnight) /* 1 is Monday */
{
	int64_t days = (midnight + LOCAL) / DAY; /* exact; 1 January 1970 was a Thursday */
	return ((days + 3) % 7 + 7) % 7 + 1;
}

static bool has_day(const struct json *hours, int64_t day)
{
	for (const struct json *d = json_first(hours, "days"); d != NULL; d = d->next)
		if (d->number == day)
			return true;
	return false;
}

/* The furthest end of the spans that hold this moment; the moment itself if
 * there is none. */
static int64_t open_until(const struct json *hours, const struct json *exceptions, int64_t at)
{
	int64_t midnight = midnight_before(at), until = at;
	for (const struct json *h = hours; h != NULL; h = h->next) {
		int64_t from = midnight + json_number(h, "from") * MINUTE, end = midnight + json_number(h, "until") * MINUTE;
		if (has_day(h, weekday(midnight)) && from <= at && at < end)
			until = higher(until, end);
	}
	for (const struct json *e = exceptions; e != NULL; e = e->next)
		if (json_number(e, "from") <= at && at < json_number(e, "until"))
			until = higher(until, json_number(e, "until"));
	return until;
}

/* Every millisecond from start to before end lies in a span; spans that touch join. */
static bool is_open(const struct json *hours, const struct json *exceptions, int64_t start, int64_t end)
{
	while (start < end) {
		int64_t until = open_until(hours, exceptions, start);
		if (until == start)
			return false;
		start = until;
	}
	return true;
}

static int64_t volume_of(const struct json *volumes, int64_t start, int64_t end)
{
	int64_t lowest = 100;
	for (int64_t midnight = midnight_before(start); volumes != NULL && midnight < end; midnight += DAY)
		for (const struct json *v = volumes; v != NULL; v = v->next)
			if (midnight + json_number(v, "from") * MINUTE < end && start < midnight + json_number(v, "until") * MINUTE)
				lowest = lower(lowest, json_number(v, "percent"));
	return lowest;
}

static bool meant(const struct json *policy, struct text place, int64_t start, int64_t end)
{
	return path_covers(json_text(policy, "path"), place) && json_number(policy, "from") < end && start < json_number(policy, "until");
}

/* From start to end some policy is always in force. */
static bool is_ruled(const struct json *policies, struct text place, int64_t start, int64_t end)
{
	int64_t ruled = start;
	bool any = false;
	for (bool moved = true; moved;) {
		moved = false;
		for (const struct json *p = policies; p != NULL; p = p->next) {
			if (!meant(p, place, start, end))
				continue;
			any = true;
			if (json_number(p, "from") <= ruled && json_number(p, "until") > ruled) {
				ruled = json_number(p, "until");
				moved = true;
			}
		}
	}
	return any && ruled >= end;
}

struct allowed policy_allows(const struct json *policies, struct text place, struct text class, struct text role, int64_t start, int64_t ms)
{
	int64_t end = start + ms, volume = 100;
	if (text_is(class, "emergency"))
		return (struct allowed){100, NULL};
	const struct json *first = policies == NULL ? NULL : policies->first;
	if (!is_ruled(first, place, start, end))
		return (struct allowed){0, "policy.none"};
	for (const struct json *p = first; p != NULL; p = p->next) {
		if (!meant(p, place, start, end))
			continue;
		int64_t from = higher(start, json_number(p, "from")), until = lower(end, json_number(p, "until"));
		volume = lower(volume, lower(json_number(p, "volume"), volume_of(json_first(p, "volumes"), from, until)));
		if (!is_open(json_first(p, "hours"), json_first(p, "exceptions"), from, until))
			return (struct allowed){0, "policy.hours"};
		for (const struct json *m = json_first(p, "mourning"); m != NULL; m = m->next)
			if (text_is(role, "music") && json_number(m, "from") < until && from < json_number(m, "until"))
				return (struct allowed){0, "policy.mourning"};
	}
	return volume == 0 ? (struct allowed){0, "policy.silent"} : (struct allowed){volume, NULL};
}

struct allowed device_allows(const struct json *policies, const struct json *placement, struct text class, struct text role, int64_t start,
                             int64_t ms)
{
	const struct json *place = json_first(placement, "paths"), *hours = json_first(placement, "hours");
	struct allowed a = policy_allows(policies, place == NULL ? text_of("") : place->text, class, role, start, ms);
	if (a.why != NULL)
		return a;
	if (!text_is(class, "emergency")) {
		if (hours != NULL && !is_open(hours, NULL, start, start + ms))
			return (struct allowed){0, "placement.hours"};
		a.volume = lower(a.volume, volume_of(json_first(placement, "volumes"), start, start + ms));
	}
	a.volume = lower(a.volume, json_number(placement, "cap"));
	return a;
}

bool muted(const struct json *mutes, const struct json *placement, int64_t start, int64_t ms)
{
	for (const struct json *m = mutes == NULL ? NULL : mutes->first; m != NULL; m = m->next)
		if (text_same(json_text(m, "pole"), json_text(placement, "code")) && json_number(m, "from") < start + ms &&
		    start < json_number(m, "until"))
			return true;
	return false;
}

/* ---- slots ---- */

static int64_t slot_ms(const struct json *slot, const struct json *warrant)
{
	int64_t ms = json_number(warrant, "length"), more = json_number(slot, "repeat");
	for (const struct json *m = json_first(warrant, "media"); m != NULL; m = m->next)
		ms += json_number(m, "ms");
	return ms + more * (ms + SPACING);
}

struct allowed slot_allowed(const struct json *slot, const struct json *warrant, const struct json *placement, const struct json *policies)
{
	int64_t start = json_number(slot, "start"), ms = slot_ms(slot, warrant);
	if (json_bool(placement, "revoked"))
		return (struct allowed){0, "placement.revoked"};
	bool stream = text_is(json_text(warrant, "kind"), "stream"), play = text_is(json_text(warrant, "kind"), "play");
	if ((!stream && !play) || json_bool(warrant, "now") || (stream && json_number(slot, "repeat") > 0))
		return (struct allowed){0, "slot.not_playable"};
	if (start < json_number(warrant, "from") || start + ms > json_number(warrant, "until"))
		return (struct allowed){0, "slot.outside_warrant"};
	for (const struct json *q = json_first(slot, "scope"); q != NULL; q = q->next) {
		bool inside = false;
		for (const struct json *e = json_first(warrant, "scope"); e != NULL; e = e->next)
			inside = inside || path_covers(json_text(e, "path"), q->text);
		if (!inside)
			return (struct allowed){0, "slot.outside_scope"};
	}
	struct allowed a = device_allows(policies, placement, json_text(warrant, "class"), json_text(warrant, "role"), start, ms);
	if (a.why == NULL)
		a.volume = lower(a.volume, json_number(warrant, "cap"));
	return a;
}

bool setting_for(const struct json *warrant, const struct json *placement)
{
	const struct json *poles = json_first(warrant, "poles");
	bool named = poles == NULL;
	for (; poles != NULL; poles = poles->next)
		named = named || text_same(poles->text, json_text(placement, "code"));
	return named && in_scope(json_get(warrant, "scope"), placement);
}

/* Whoever may turn a speaker down may not thereby silence an alarm. */
int64_t loudness(const struct json *warrant, int64_t pole_cap, int64_t allowed, int64_t installed, int64_t set)
{
	int64_t v = lower(lower(allowed, json_number(warrant, "cap")), lower(pole_cap, installed));
	return set > 0 && !text_is(json_text(warrant, "class"), "emergency") ? lower(v, set) : v;
}

static bool is_there(const struct json *have, struct text id)
{
	for (; have != NULL; have = have->next)
		if (text_same(have->text, id))
			return true;
	return false;
}

const char *cue(const struct json *w, const struct json *have, bool whole, struct text steps[MAX_STEPS], size_t *count)
{
	bool exercise = text_is(json_text(w, "class"), "exercise"), play = text_is(json_text(w, "kind"), "play");
	struct text wanted[MAX_STEPS], hazard = json_text(w, "hazard");
	size_t n = 0, opening = 0;
	*count = 0;
	if (exercise) { /* it must never pass for an alarm */
		if (!is_there(have, text_of("exercise")))
			return "phrase.missing";
		steps[(*count)++] = text_of("exercise");
		opening = 1;
	}
	for (const struct json *p = json_first(w, "phrases"); p != NULL && n < 8; p = p->next)
		wanted[n++] = p->text;
	if (hazard.n > 0)
		wanted[n++] = text_of("siren");
	if (play && !whole) {
		if (hazard.n == 0)
			return "media.missing";
		wanted[n++] = hazard;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_there(have, wanted[i]))
			steps[(*count)++] = wanted[i];
		else if (exercise)
			return "phrase.missing";
	}
	if (text_is(json_text(w, "kind"), "stream"))
		steps[(*count)++] = text_of("*stream");
	else if (play && whole)
		steps[(*count)++] = text_of("*media");
	if (*count > opening)
		return NULL;
	return play ? "media.missing" : "phrase.missing";
}

bool for_me(const struct json *slot, const struct json *warrant, const struct json *placement)
{
	const struct json *poles = json_first(slot, "poles"), *scope = json_first(slot, "scope");
	bool named = poles == NULL, inside = scope == NULL;
	for (; poles != NULL; poles = poles->next)
		named = named || text_same(poles->text, json_text(placement, "code"));
	for (; scope != NULL; scope = scope->next)
		inside = inside || covers_one(scope->text, json_first(placement, "paths"));
	return named && inside && in_scope(json_get(warrant, "scope"), placement);
}

const struct json *next_slot(const struct json *slots, int64_t now, const struct json *done)
{
	const struct json *best = NULL;
	for (const struct json *s = slots == NULL ? NULL : slots->first; s != NULL; s = s->next) {
		bool is_done = json_number(s, "start") < now;
		for (const struct json *d = done == NULL ? NULL : done->first; d != NULL; d = d->next)
			is_done = is_done || text_same(d->text, json_text(s, "id"));
		if (is_done)
			continue;
		int64_t ahead = best == NULL ? -1 : json_number(s, "start") - json_number(best, "start");
		if (ahead < 0 || (ahead == 0 && text_order(json_text(s, "id"), json_text(best, "id")) < 0))
			best = s;
	}
	return best;
}

/* ---- which silences which ---- */

static int rank(struct text class)
{
	static const char *const order[] = {"normal", "priority", "exercise", "emergency"};
	for (int i = 0; i < 4; i++)
		if (text_is(class, order[i]))
			return i;
	return -1;
}

/* Segments, the markers h and z not counted: they are no places. */
static int level(struct text path)
{
	int n = 0;
	for (size_t i = 0, from = 0; i <= path.n; i++) {
		if (i < path.n && path.at[i] != '/')
			continue;
		bool marker = i - from == 1 && i < path.n && (path.at[from] == 'h' || path.at[from] == 'z');
		n += marker ? 0 : 1;
		from = i + 1;
	}
	return n;
}

bool outranks(const struct json *a, const struct json *b)
{
	struct text ca = json_text(a, "class"), cb = json_text(b, "class");
	if (!json_bool(a, "now"))
		return false;
	if (!text_same(ca, cb))
		return rank(ca) > rank(cb);
	if (!json_bool(b, "now"))
		return false;
	int la = level(json_text(a, "issuer")), lb = level(json_text(b, "issuer"));
	if (la != lb)
		return la < lb;
	if (json_number(a, "from") != json_number(b, "from"))
		return json_number(a, "from") > json_number(b, "from");
	return text_order(json_text(a, "id"), json_text(b, "id")) > 0;
}

/* ---- updates, section 19 ---- */

const char *release_install(const struct json *release, const struct json *program, int64_t now, struct text *hash)
{
	int64_t number = json_number(release, "number"), runs = json_number(program, "number");
	if (!text_same(json_text(release, "product"), json_text(program, "product")))
		return "release.other_product";
	if (number <= runs || number < json_number(program, "highest"))
		return "release.old";
	if (runs < json_number(release, "replaces"))
		return "release.steps";
	if (now < json_number(release, "from") || now >= json_number(release, "until"))
		return "release.wrong_date";
	for (const struct json *b = json_first(release, "builds"); b != NULL; b = b->next)
		if (text_same(json_text(b, "system"), json_text(program, "system"))) {
			*hash = json_text(b, "hash");
			return NULL;
		}
	return "release.wrong_system";
}

int share_bucket(struct text device, struct text release)
{
	static const char head[] = "loa share v0\n";
	unsigned char sum[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;
	crypto_hash_sha256_init(&s);
	crypto_hash_sha256_update(&s, (const unsigned char *)head, sizeof head - 1);
	crypto_hash_sha256_update(&s, (const unsigned char *)device.at, device.n);
	crypto_hash_sha256_update(&s, (const unsigned char *)"\n", 1);
	crypto_hash_sha256_update(&s, (const unsigned char *)release.at, release.n);
	crypto_hash_sha256_final(&s, sum);
	return (int)(((uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3]) % 100);
}
