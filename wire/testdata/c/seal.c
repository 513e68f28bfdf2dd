/* Envelopes and delegations, docs/wire.md sections 4 and 5. CC0-1.0. */
#include "loa.h"

#include <stdio.h>
#include <string.h>

/* ---- forms of section 2 ---- */

bool path_ok(struct text p)
{
	if (p.n == 0 || p.n > 128)
		return false;
	size_t segments = 1, length = 0;
	for (size_t i = 0; i <= p.n; i++) {
		if (i < p.n && p.at[i] != '/') {
			char c = p.at[i];
			if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
				return false;
			length++;
			continue;
		}
		if (length == 0 || (segments == 1 && length != 2))
			return false;
		if (i < p.n)
			segments++;
		length = 0;
	}
	return segments <= 8;
}

/* By whole segments: vn/9 does not cover vn/97. */
bool path_covers(struct text a, struct text b)
{
	if (a.n == 0 || a.n > b.n || memcmp(a.at, b.at, a.n) != 0)
		return false;
	return a.n == b.n || b.at[a.n] == '/';
}

static bool all_of(struct text t, const char *letters)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.at[i] == 0 || strchr(letters, t.at[i]) == NULL)
			return false;
	return true;
}

bool is_hash(struct text t)
{
	return t.n == 64 && all_of(t, "0123456789abcdef");
}

bool is_id(struct text t)
{
	return t.n == 26 && all_of(t, "0123456789abcdefghjkmnpqrstvwxyz");
}

/* The alphabet is looked at here, not left to libsodium: its decoder (1.0.18)
 * takes some bytes above 0x7F for letters where char is signed. */
static bool is_base64(struct text t)
{
	return all_of(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
}

/* In its one form: padded, no line breaks, spare bits nought. */
bool base64_read(struct pool *p, struct text in, struct text *out)
{
	if (!is_base64(in))
		return false;
	unsigned char *bytes = pool_take(p, in.n / 4 * 3 + 3);
	size_t n = 0;
	if (sodium_base642bin(bytes, in.n / 4 * 3 + 3, in.at, in.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
		return false;
	*out = (struct text){(char *)bytes, n};
	return true;
}

const char *key_read(struct text t, struct key *out)
{
	size_t n = 0;
	if (!is_base64(t) ||
	    sodium_base642bin(out->bytes, sizeof out->bytes, t.at, t.n, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    n != sizeof out->bytes)
		return "key.malformed";
	return NULL;
}

static const char *keys_read(const struct json *list, size_t count, int64_t threshold, struct keys *out)
{
	if (count == 0 || count > MAX_KEYS || threshold < 1 || threshold > (int64_t)count)
		return "delegation.malformed";
	out->count = 0;
	out->threshold = (size_t)threshold;
	for (; list != NULL; list = list->next) {
		struct key *k = &out->key[out->count];
		const char *why = key_read(list->text, k);
		if (why != NULL)
			return why;
		for (size_t i = 0; i < out->count; i++)
			if (memcmp(out->key[i].bytes, k->bytes, sizeof k->bytes) == 0)
				return "delegation.malformed";
		out->count++;
	}
	return NULL;
}

const char *root_read(const struct json *root, struct keys *out)
{
	return keys_read(json_first(root, "keys"), json_count(root, "keys"), json_number(root, "threshold"), out);
}

/* ---- the envelope ---- */

static const struct field signature_fields[] = {{"keyid", &a_text}, {"sig", &a_text}, {NULL, NULL}};
static const struct shape a_signature = {JSON_OBJECT, signature_fields, NULL};
static const struct shape signatures = {JSON_LIST, NULL, &a_signature};
static const struct field envelope_fields[] = {
	{"payloadType", &a_text}, {"payload", &a_text}, {"signatures", &signatures}, {NULL, NULL}};
static const struct shape an_envelope = {JSON_OBJECT, envelope_fields, NULL};

/* Moves past word if it stands here. */
static bool stands(struct text *rest, struct text word)
{
	if (rest->n < word.n || memcmp(rest->at, word.at, word.n) != 0)
		return false;
	rest->at += word.n;
	rest->n -= word.n;
	return true;
}

/* The one form: no space, keys in order, nothing escaped. Whatever differs was
 * written by somebody who wants a second document out of one seal. */
static bool one_form(struct text in, const struct opened *o, struct text payload)
{
	bool ok = stands(&in, text_of("{\"payloadType\":\"")) && stands(&in, o->type) && stands(&in, text_of("\",\"payload\":\"")) &&
	          stands(&in, payload) && stands(&in, text_of("\",\"signatures\":["));
	for (size_t i = 0; ok && i < o->count; i++)
		ok = stands(&in, text_of(i == 0 ? "{\"keyid\":\"" : ",{\"keyid\":\"")) && stands(&in, o->by[i].keyid) &&
		     stands(&in, text_of("\",\"sig\":\"")) && stands(&in, o->by[i].sig) && stands(&in, text_of("\"}"));
	return ok && text_is(in, "]}");
}

const char *envelope_open(struct pool *p, struct text in, size_t limit, struct opened *o)
{
	struct json *e;
	const char *why = json_read(p, in, limit / 3 * 4 + 2048, &an_envelope, &e);
	if (why != NULL)
		return why;
	o->type = json_text(e, "payloadType");
	if (!base64_read(p, json_text(e, "payload"), &o->payload))
		return "document.malformed";
	if (o->payload.n > limit)
		return "document.too_large";
	o->count = json_count(e, "signatures");
	if (o->count == 0 || o->count > MAX_SIGNATURES)
		return "seal.signatures";
	size_t i = 0;
	for (const struct json *s = json_first(e, "signatures"); s != NULL; s = s->next, i++) {
		o->by[i].keyid = json_text(s, "keyid");
		o->by[i].sig = json_text(s, "sig");
		if (i > 0 && text_order(o->by[i].keyid, o->by[i - 1].keyid) <= 0)
			return "seal.form";
	}
	return one_form(in, o, json_text(e, "payload")) ? NULL : "seal.form";
}

/* What is signed: DSSE's encoding of type and payload. */
static struct text signed_bytes(struct pool *p, const struct opened *o)
{
	size_t room = o->type.n + o->payload.n + 64;
	char *b = pool_take(p, room);
	size_t n = (size_t)snprintf(b, room, "DSSEv1 %zu ", o->type.n);
	memcpy(b + n, o->type.at, o->type.n);
	n += o->type.n;
	n += (size_t)snprintf(b + n, room - n, " %zu ", o->payload.n);
	if (o->payload.n > 0)
		memcpy(b + n, o->payload.at, o->payload.n);
	return (struct text){b, n + o->payload.n};
}

static void key_name(const struct key *k, char name[33])
{
	unsigned char sum[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(sum, k->bytes, sizeof k->bytes);
	sodium_bin2hex(name, 33, sum, 16);
}

/* How many of the keys sealed it. A key id is a hint; the signature decides. */
size_t sealed_by(struct pool *p, const struct opened *o, const struct keys *keys)
{
	struct text bytes = signed_bytes(p, o);
	size_t n = 0;
	for (size_t k = 0; k < keys->count; k++) {
		char name[33];
		key_name(&keys->key[k], name);
		for (size_t i = 0; i < o->count; i++) {
			struct text sig;
			if (!text_is(o->by[i].keyid, name) || !base64_read(p, o->by[i].sig, &sig) || sig.n != crypto_sign_BYTES)
				continue;
			if (crypto_sign_verify_detached((const unsigned char *)sig.at, (const unsigned char *)bytes.at, bytes.n,
			                                keys->key[k].bytes) == 0) {
				n++;
				break;
			}
		}
	}
	return n;
}

/* ---- delegations ---- */

static const struct field delegation_fields[] = {
	{"v", &a_number}, {"kind", &a_text}, {"role", &a_text}, {"keys", &texts}, {"threshold", &a_number}, {"paths", &texts},
	{"classes", &texts}, {"from", &a_number}, {"until", &a_number}, {"delegate", &a_bool}, {"epoch", &a_number}, {"ignorable", NULL},
	{NULL, NULL}};
static const struct shape a_delegation = {JSON_OBJECT, delegation_fields, NULL};

static bool listed(const struct json *list, struct text what)
{
	for (; list != NULL; list = list->next)
		if (text_same(list->text, what))
			return true;
	return false;
}

static bool covered(const struct json *paths, struct text p)
{
	for (; paths != NULL; paths = paths->next)
		if (path_covers(paths->text, p))
			return true;
	return false;
}

static const char *delegation_check(const struct json *d, struct keys *keys)
{
	struct text role = json_text(d, "role");
	size_t paths = json_count(d, "paths"), classes = json_count(d, "classes");
	if (json_number(d, "v") != 0 || !text_is(json_text(d, "kind"), "delegation"))
		return "delegation.malformed";
	bool release = text_is(role, "release");
	if (!text_is(role, "authority") && !text_is(role, "dispatch") && !text_is(role, "beacon") && !release)
		return "delegation.malformed";
	if (release && json_bool(d, "delegate"))
		return "delegation.malformed";
	if (paths == 0 || paths > 16)
		return "delegation.malformed";
	for (const struct json *p = json_first(d, "paths"); p != NULL; p = p->next)
		if (!path_ok(p->text))
			return "path.malformed";
	if (classes == 0 || classes > 8 || json_number(d, "from") >= json_number(d, "until") || json_number(d, "epoch") < 0)
		return "delegation.malformed";
	return keys_read(json_first(d, "keys"), json_count(d, "keys"), json_number(d, "threshold"), keys);
}

/* Every path in a province code that no real province has. */
static bool is_invented(const struct json *d)
{
	for (const struct json *p = json_first(d, "paths"); p != NULL; p = p->next)
		if (!path_covers(text_of("vn/97"), p->text) && !path_covers(text_of("vn/98"), p->text) && !path_covers(text_of("vn/99"), p->text))
			return false;
	return true;
}

static bool widens(const struct json *parent, const struct json *child)
{
	if (!text_is(json_text(parent, "role"), "authority") || !json_bool(parent, "delegate") || text_is(json_text(child, "role"), "release"))
		return true;
	for (const struct json *p = json_first(child, "paths"); p != NULL; p = p->next)
		if (!covered(json_first(parent, "paths"), p->text))
			return true;
	for (const struct json *c = json_first(child, "classes"); c != NULL; c = c->next)
		if (!listed(json_first(parent, "classes"), c->text))
			return true;
	return json_number(child, "from") < json_number(parent, "from") || json_number(child, "until") > json_number(parent, "until");
}

static const char *admit(struct pool *p, const struct trust *t, struct text envelope, struct holder *h)
{
	struct opened o;
	struct json *d;
	const char *why = envelope_open(p, envelope, MAX_DOCUMENT, &o);
	if (why != NULL)
		return why;
	if (!text_is(o.type, "application/vnd.loa.delegation+json"))
		return "document.wrong_type";
	if ((why = json_read(p, o.payload, MAX_DOCUMENT, &a_delegation, &d)) != NULL)
		return why;
	if ((why = delegation_check(d, &h->keys)) != NULL)
		return why;
	if (json_number(d, "epoch") < t->floor)
		return "delegation.revoked";
	h->delegation = d;
	if (sealed_by(p, &o, &t->root) >= t->root.threshold)
		return t->demo && !is_invented(d) ? "delegation.demo_only" : NULL;
	why = "seal.unknown_key";
	for (size_t i = 0; i < t->count; i++) {
		if (sealed_by(p, &o, &t->holders[i].keys) < t->holders[i].keys.threshold)
			continue;
		if (!widens(t->holders[i].delegation, d))
			return NULL;
		why = "delegation.widens";
	}
	return why;
}

const char *trust_build(struct pool *p, const struct keys *root, bool demo, const struct text *delegations, size_t n, int64_t floor,
                        struct trust *t)
{
	*t = (struct trust){.root = *root, .demo = demo, .floor = floor};
	t->holders = pool_take(p, (n + 1) * sizeof *t->holders);
	bool *taken = pool_take(p, n + 1);
	while (t->count < n) { /* a child may come before its parent: go round until nothing moves */
		size_t before = t->count;
		const char *why = NULL;
		for (size_t i = 0; i < n; i++) {
			if (taken[i])
				continue;
			const char *no = admit(p, t, delegations[i], &t->holders[t->count]);
			if (no != NULL) {
				why = no;
				continue;
			}
			taken[i] = true;
			t->count++;
		}
		if (t->count == before)
			return why;
	}
	return NULL;
}

static const char *may(const struct json *d, const struct need *need)
{
	if (!text_is(json_text(d, "role"), need->role))
		return "seal.wrong_role";
	for (size_t i = 0; i < need->count; i++)
		if (!covered(json_first(d, "paths"), need->paths[i]))
			return "seal.wrong_path";
	if (need->class.n > 0 && !listed(json_first(d, "classes"), need->class))
		return "seal.wrong_class";
	if (need->at < json_number(d, "from") || need->at >= json_number(d, "until"))
		return "seal.wrong_date";
	return NULL;
}

const char *trust_check(struct pool *p, const struct trust *t, const struct opened *o, const struct need *need)
{
	const char *why = "seal.unknown_key";
	for (size_t i = 0; i < t->count; i++) {
		const struct holder *h = &t->holders[i];
		if (sealed_by(p, o, &h->keys) < h->keys.threshold)
			continue;
		const char *no = o->count != h->keys.threshold ? "seal.signatures" : may(h->delegation, need);
		if (no == NULL)
			return NULL;
		why = no;
	}
	return why;
}

/* ---- another root ---- */

static const struct field root_fields[] = {
	{"name", &a_text}, {"keys", &texts}, {"threshold", &a_number}, {"demo", &a_bool}, {"version", &a_number}, {NULL, NULL}};
static const struct shape a_root = {JSON_OBJECT, root_fields, NULL};
static const struct field rotation_fields[] = {
	{"v", &a_number}, {"kind", &a_text}, {"from", &a_text}, {"root", &a_root}, {"ignorable", NULL}, {NULL, NULL}};
static const struct shape a_rotation = {JSON_OBJECT, rotation_fields, NULL};

static void root_name(const struct json *root, char name[65])
{
	unsigned char sum[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state s;
	char line[64];
	crypto_hash_sha256_init(&s);
	int n = snprintf(line, sizeof line, "loa root v0\n%lld %s\n", (long long)json_number(root, "threshold"),
	                 json_bool(root, "demo") ? "true" : "false");
	crypto_hash_sha256_update(&s, (const unsigned char *)line, (size_t)n);
	for (const struct json *k = json_first(root, "keys"); k != NULL; k = k->next) {
		crypto_hash_sha256_update(&s, (const unsigned char *)k->text.at, k->text.n);
		crypto_hash_sha256_update(&s, (const unsigned char *)"\n", 1);
	}
	if (json_number(root, "version") > 0) {
		n = snprintf(line, sizeof line, "version %lld\n", (long long)json_number(root, "version"));
		crypto_hash_sha256_update(&s, (const unsigned char *)line, (size_t)n);
	}
	crypto_hash_sha256_final(&s, sum);
	sodium_bin2hex(name, 65, sum, sizeof sum);
}

const char *root_follow(struct pool *p, const struct json *held, struct text envelope, const struct json **next)
{
	struct opened o;
	struct json *d;
	struct keys old, fresh;
	char name[65];
	const char *why = envelope_open(p, envelope, MAX_DOCUMENT, &o);
	if (why != NULL)
		return why;
	if (!text_is(o.type, "application/vnd.loa.root+json"))
		return "document.wrong_type";
	if ((why = json_read(p, o.payload, MAX_DOCUMENT, &a_rotation, &d)) != NULL)
		return why;
	const struct json *root = json_get(d, "root");
	if (json_number(d, "v") != 0 || !text_is(json_text(d, "kind"), "root") || json_text(root, "name").n > 200 || json_number(root, "version") < 1)
		return "root.malformed";
	if ((why = root_read(root, &fresh)) != NULL || (why = root_read(held, &old)) != NULL)
		return why;
	root_name(held, name);
	if (!text_is(json_text(d, "from"), name) || json_number(root, "version") != json_number(held, "version") + 1)
		return "root.not_next";
	if (json_bool(root, "demo") != json_bool(held, "demo"))
		return "root.demo";
	if (sealed_by(p, &o, &old) < old.threshold || sealed_by(p, &o, &fresh) < fresh.threshold)
		return "seal.unknown_key";
	*next = root;
	return NULL;
}
