/* Runs the files of wire/testdata through the verifier. CC0-1.0.
 *
 *   verify FILE…    decode/…txt, decide/…txt, vectors/…json: one line for each
 *                   case, "ok" or "WRONG", the file, the case, what was said and
 *                   what ought to be; the exit status is 1 if one was wrong
 *   verify -        lines of "<kind> <base64 of a payload>" from standard input:
 *                   answers one key a line
 */
#include "loa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 64 << 20 };

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "verify: %s: %s\n", which, what);
	exit(2);
}

static struct text read_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	char *all = malloc(MAX_FILE);
	if (f == NULL || all == NULL)
		fail("cannot be read", name);
	size_t n = fread(all, 1, MAX_FILE, f);
	fclose(f);
	return (struct text){all, n};
}

/* vectors/warrant.json is of kind "warrant". */
static void kind_of_file(const char *name, char kind[32])
{
	const char *slash = strrchr(name, '/'), *base = slash == NULL ? name : slash + 1;
	size_t n = strcspn(base, ".");
	snprintf(kind, 32, "%.*s", (int)(n < 31 ? n : 31), base);
}

static bool say(const char *file, struct text name, const char *got, struct text want)
{
	bool right = text_is(want, got);
	printf("%s\t%s\t%.*s\t%s\t%.*s\n", right ? "ok" : "WRONG", file, (int)name.n, name.at, got, (int)want.n, want.at);
	return right;
}

/* ---- decode and decide ---- */

static const char *volume_or(struct allowed a)
{
	static char said[32];
	if (a.why != NULL)
		return a.why;
	snprintf(said, sizeof said, "volume %d", (int)a.volume);
	return said;
}

static const char *steps_or(const struct json *warrant, const struct json *have, bool whole)
{
	static char said[512];
	struct text steps[MAX_STEPS];
	size_t n = 0, used = 0;
	const char *why = cue(warrant, have, whole, steps, &n);
	said[0] = 0;
	for (size_t i = 0; why == NULL && i < n; i++)
		used += (size_t)snprintf(said + used, sizeof said - used, "%s%.*s", i == 0 ? "" : " ", (int)steps[i].n, steps[i].at);
	return why == NULL ? said : why;
}

static const char *decide(const char *what, const struct json *q)
{
	static char said[65];
	int64_t start = json_number(q, "start"), ms = json_number(q, "ms");
	if (strcmp(what, "scope") == 0)
		return scope_check(json_get(q, "scope")) == NULL && in_scope(json_get(q, "scope"), q) ? "in" : "out";
	if (strcmp(what, "policy") == 0)
		return volume_or(policy_allows(json_get(q, "policies"), json_text(q, "place"), json_text(q, "class"), json_text(q, "role"), start, ms));
	if (strcmp(what, "slot") == 0)
		return volume_or(slot_allowed(json_get(q, "slot"), json_get(q, "warrant"), json_get(q, "placement"), json_get(q, "policies")));
	if (strcmp(what, "muted") == 0)
		return muted(json_get(q, "mutes"), json_get(q, "placement"), start, ms) ? "muted" : "not muted";
	if (strcmp(what, "mine") == 0) {
		struct json slot = {.type = JSON_OBJECT}, scope = {.key = text_of("scope"), .type = JSON_LIST}, poles = {.type = JSON_LIST};
		scope.first = (struct json *)json_first(q, "slot");
		scope.next = &poles;
		poles.key = text_of("poles");
		poles.first = (struct json *)json_first(q, "poles");
		slot.first = &scope;
		return for_me(&slot, q, q) ? "mine" : "not mine";
	}
	if (strcmp(what, "next") == 0) {
		const struct json *s = next_slot(json_get(q, "slots"), json_number(q, "now"), json_get(q, "done"));
		if (s == NULL)
			return "none";
		snprintf(said, sizeof said, "%.*s", (int)json_text(s, "id").n, json_text(s, "id").at);
		return said;
	}
	if (strcmp(what, "setting") == 0)
		return setting_for(q, q) ? "mine" : "not mine";
	if (strcmp(what, "loudness") == 0)
		return volume_or((struct allowed){
			loudness(q, json_number(q, "pole"), json_number(q, "allowed"), json_number(q, "installed"), json_number(q, "set")), NULL});
	if (strcmp(what, "cue") == 0)
		return steps_or(json_get(q, "warrant"), json_first(q, "have"), text_is(json_text(q, "media"), "whole"));
	if (strcmp(what, "install") == 0) {
		struct text hash;
		const char *why = release_install(json_get(q, "release"), json_get(q, "program"), json_number(q, "now"), &hash);
		if (why != NULL)
			return why;
		snprintf(said, sizeof said, "install %.*s", hash.n < 8 ? (int)hash.n : 8, hash.at);
		return said;
	}
	if (strcmp(what, "share") == 0) {
		int bucket = share_bucket(json_text(q, "device"), json_text(q, "release"));
		snprintf(said, sizeof said, "bucket %d, %s", bucket, bucket < json_number(q, "share") ? "meant" : "not meant");
		return said;
	}
	if (strcmp(what, "outranks") == 0) {
		const struct json *a = json_get(q, "a"), *b = json_get(q, "b");
		return outranks(a, b) ? "a silences b" : outranks(b, a) ? "b silences a" : "neither";
	}
	return "no such question";
}

static const char *find(struct text in, const char *what)
{
	size_t n = strlen(what);
	for (size_t i = 0; i + n <= in.n; i++)
		if (memcmp(in.at + i, what, n) == 0)
			return in.at + i;
	return NULL;
}

static struct text cut(struct text *rest, const char *at_mark)
{
	const char *end = find(*rest, at_mark);
	struct text before = *rest;
	if (end == NULL) {
		*rest = (struct text){"", 0};
		return before;
	}
	size_t n = (size_t)(end - rest->at), skip = n + strlen(at_mark);
	before.n = n;
	*rest = (struct text){rest->at + skip, rest->n - skip};
	return before;
}

static bool run_cases(const char *file)
{
	char kind[32];
	bool right = true, decides = strstr(file, "decide") != NULL;
	struct text all = read_file(file);
	char *bytes = (char *)all.at;
	while (all.n > 0 && all.at[all.n - 1] == '\n')
		all.n--;
	kind_of_file(file, kind);
	while (all.n > 0) {
		struct text one = cut(&all, "\n==========\n"), name = cut(&one, "\n"), in = cut(&one, "\n----------\n");
		struct pool p = {NULL};
		struct json *q;
		const char *got = decides ? json_read(&p, in, MAX_FILE, NULL, &q) : document_read(&p, kind, in, &q);
		if (got == NULL)
			got = decides ? decide(kind, q) : "ok";
		right = say(file, (struct text){name.at + 2, name.n - 2}, got, one) && right;
		pool_free(&p);
	}
	free(bytes);
	return right;
}

/* ---- vectors ---- */

static const char *chain_of(struct pool *p, const struct json *c, struct trust *t)
{
	size_t n = json_count(c, "delegations"), i = 0;
	struct text *all = pool_take(p, (n + 1) * sizeof *all);
	for (const struct json *d = json_first(c, "delegations"); d != NULL; d = d->next, i++)
		if (!base64_read(p, d->text, &all[i]))
			fail("delegation is no base64", "vectors");
	struct keys root;
	const char *why = root_read(json_get(c, "root"), &root);
	return why != NULL ? why : trust_build(p, &root, json_bool(json_get(c, "root"), "demo"), all, n, json_number(c, "floor"), t);
}

static const char *judge(struct pool *p, const char *kind, const struct json *chains, const struct json *v)
{
	char name[256];
	struct trust t = {.count = 0};
	struct text envelope, chain = json_text(v, "chain");
	struct asked a = {.trust = &t, .now = json_number(v, "now"), .place = json_text(v, "place")};
	const char *why = NULL;
	snprintf(name, sizeof name, "%.*s", (int)chain.n, chain.at);
	if (strcmp(kind, "root") == 0) {
		const struct json *next;
		if (!base64_read(p, json_text(v, "envelope"), &envelope))
			fail("envelope is no base64", "vectors");
		return root_follow(p, json_get(json_get(chains, name), "root"), envelope, &next);
	}
	if (chain.n > 0)
		why = chain_of(p, json_get(chains, name), &t);
	if (why == NULL && json_text(v, "key").n > 0)
		why = key_read(json_text(v, "key"), &a.device);
	if (why != NULL || strcmp(kind, "chain") == 0)
		return why;
	struct json *d;
	if (!base64_read(p, json_text(v, "envelope"), &envelope))
		fail("envelope is no base64", "vectors");
	return document_open(p, kind, envelope, &a, &d);
}

static bool run_vectors(const char *file)
{
	struct pool whole = {NULL};
	struct text all = read_file(file);
	struct json *f;
	bool right = true;
	char kind[32];
	if (json_read(&whole, all, MAX_FILE, NULL, &f) != NULL)
		fail("is no file of vectors", file);
	snprintf(kind, sizeof kind, "%.*s", (int)json_text(f, "kind").n, json_text(f, "kind").at);
	for (const struct json *v = json_first(f, "vectors"); v != NULL; v = v->next) {
		struct pool p = {NULL};
		const char *why = judge(&p, kind, json_get(f, "chains"), v);
		right = say(file, json_text(v, "name"), why == NULL ? "ok" : why, json_text(v, "expected")) && right;
		pool_free(&p);
	}
	pool_free(&whole);
	free((char *)all.at);
	return right;
}

/* ---- lines ---- */

static int run_lines(void)
{
	char *line = malloc(MAX_FILE), kind[32];
	if (line == NULL)
		return 2;
	while (fgets(line, MAX_FILE, stdin) != NULL) {
		struct pool p = {NULL};
		struct text bytes, words = {line, strcspn(line, "\n")};
		struct text first = cut(&words, " ");
		struct json *d;
		snprintf(kind, sizeof kind, "%.*s", (int)first.n, first.at);
		if (!base64_read(&p, words, &bytes))
			fail("no base64", "-");
		const char *why = document_read(&p, kind, bytes, &d);
		puts(why == NULL ? "ok" : why);
		pool_free(&p);
	}
	free(line);
	return 0;
}

int main(int count, char **args)
{
	bool right = true;
	if (sodium_init() < 0)
		fail("cannot start", "libsodium");
	if (count == 2 && strcmp(args[1], "-") == 0)
		return run_lines();
	for (int i = 1; i < count; i++)
		right = (strstr(args[i], ".json") != NULL ? run_vectors(args[i]) : run_cases(args[i])) && right;
	return right ? 0 : 1;
}
