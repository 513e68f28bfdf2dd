/* What a box must check before it believes a document, docs/wire.md sections 2
 * to 8. Written from that paper. CC0-1.0.
 *
 * Every function that may refuse returns NULL for yes, otherwise the key of the
 * refusal. Call sodium_init() first. */
#ifndef LOA_H
#define LOA_H

#include "json.h"

#include <sodium.h>

/* ---- seal.c: envelopes, delegations ---- */

enum { MAX_DOCUMENT = 4096, MAX_PLAN = 131072, MAX_RECEIPT = 65536, MAX_PHRASES = 16384 };
enum { MAX_KEYS = 8, MAX_SIGNATURES = 8 };

struct key {
	unsigned char bytes[crypto_sign_PUBLICKEYBYTES];
};

/* Some keys, so many of which must agree. */
struct keys {
	size_t count, threshold;
	struct key key[MAX_KEYS];
};

/* An envelope taken apart and not yet believed. */
struct opened {
	struct text type, payload;
	size_t count;
	struct {
		struct text keyid, sig;
	} by[MAX_SIGNATURES];
};

/* A chain from a root the box has pinned. */
struct holder {
	struct keys keys;
	const struct json *delegation;
};

struct trust {
	struct keys root;
	bool demo;
	int64_t floor; /* revocation epoch */
	size_t count;
	struct holder *holders;
};

/* What a document asks of the keys that sealed it. */
struct need {
	const char *role;
	struct text paths[128]; /* at most 1 issuer and 64 places */
	size_t count;
	struct text class; /* empty: none */
	int64_t at;        /* the moment it is used, UTC milliseconds */
};

const char *key_read(struct text base64, struct key *out);
const char *root_read(const struct json *root, struct keys *out);
/* Whether a sealed root follows the one held; both as JSON. */
const char *root_follow(struct pool *p, const struct json *held, struct text envelope, const struct json **next);
const char *envelope_open(struct pool *p, struct text in, size_t limit, struct opened *out);
size_t sealed_by(struct pool *p, const struct opened *o, const struct keys *keys);
/* delegations: a list of envelopes, in any order */
const char *trust_build(struct pool *p, const struct keys *root, bool demo, const struct text *delegations, size_t n, int64_t floor,
                        struct trust *out);
const char *trust_check(struct pool *p, const struct trust *t, const struct opened *o, const struct need *need);

bool base64_read(struct pool *p, struct text in, struct text *out);
bool path_ok(struct text path);
bool path_covers(struct text above, struct text below);
bool is_hash(struct text t);
bool is_id(struct text t);

/* ---- document.c: what each kind must say ---- */

/* Reads and checks a payload before any seal. */
const char *document_read(struct pool *p, const char *kind, struct text payload, struct json **out);

/* Opens a sealed document: everything of sections 3 to 5. place is the device's
 * commune (for a time and a release), device its key (for a receipt and a token). */
struct asked {
	const struct trust *trust;
	int64_t now;
	struct text place;
	struct key device;
};
const char *document_open(struct pool *p, const char *kind, struct text envelope, const struct asked *a, struct json **out);
const char *scope_check(const struct json *scope);

/* ---- decide.c: section 7. Documents need hold only the fields that matter. ---- */

struct allowed {
	int64_t volume;
	const char *why; /* NULL: it may sound */
};

bool in_scope(const struct json *scope, const struct json *placement);
struct allowed policy_allows(const struct json *policies, struct text place, struct text class, struct text role, int64_t start, int64_t ms);
struct allowed device_allows(const struct json *policies, const struct json *placement, struct text class, struct text role, int64_t start,
                             int64_t ms);
struct allowed slot_allowed(const struct json *slot, const struct json *warrant, const struct json *placement, const struct json *policies);
bool muted(const struct json *mutes, const struct json *placement, int64_t start, int64_t ms);
bool for_me(const struct json *slot, const struct json *warrant, const struct json *placement);
const struct json *next_slot(const struct json *slots, int64_t now, const struct json *done);
bool outranks(const struct json *a, const struct json *b);

int64_t loudness(const struct json *warrant, int64_t pole_cap, int64_t allowed, int64_t installed, int64_t set);
bool setting_for(const struct json *warrant, const struct json *placement);

/* What sounds for a warrant, step by step: ids of phrases, "*media", "*stream".
 * have are the phrases on disk, whole whether the warrant's own media is. */
enum { MAX_STEPS = 12 };
const char *cue(const struct json *warrant, const struct json *have, bool whole, struct text steps[MAX_STEPS], size_t *count);

/* Section 19: which build of a release may replace a program, and whether a box
 * is among the share an offer is for. */
const char *release_install(const struct json *release, const struct json *program, int64_t now, struct text *hash);
int share_bucket(struct text device, struct text release);

#endif
