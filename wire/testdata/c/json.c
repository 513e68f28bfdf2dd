/* Strict JSON, docs/wire.md section 3. CC0-1.0. */
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { MAX_DEPTH = 8, MAX_MARKS = 30, BUCKETS = 64, BLOCK = 16384 };

const struct shape a_text = {JSON_TEXT, NULL, NULL};
const struct shape a_number = {JSON_NUMBER, NULL, NULL};
const struct shape a_bool = {JSON_BOOL, NULL, NULL};
const struct shape texts = {JSON_LIST, NULL, &a_text};
const struct shape numbers = {JSON_LIST, NULL, &a_number};

/* ---- the pool ---- */

union aligned {
	long long number;
	double real;
	void *pointer;
};

struct block {
	struct block *next;
	size_t used, size;
	union aligned bytes[];
};

void *pool_take(struct pool *p, size_t n)
{
	n = (n + sizeof(union aligned) - 1) / sizeof(union aligned) * sizeof(union aligned);
	struct block *b = p->blocks;
	if (b == NULL || b->size - b->used < n) {
		size_t size = n > BLOCK ? n : BLOCK;
		b = malloc(sizeof *b + size);
		if (b == NULL)
			abort(); /* a box starts again; it never goes on with half a document */
		b->next = p->blocks;
		b->used = 0;
		b->size = size;
		p->blocks = b;
	}
	void *at = (char *)b->bytes + b->used;
	b->used += n;
	return memset(at, 0, n);
}

void pool_free(struct pool *p)
{
	while (p->blocks != NULL) {
		struct block *next = p->blocks->next;
		free(p->blocks);
		p->blocks = next;
	}
}

/* ---- text ---- */

struct text text_of(const char *s)
{
	return (struct text){s, strlen(s)};
}

bool text_same(struct text a, struct text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

bool text_is(struct text a, const char *s)
{
	return text_same(a, text_of(s));
}

int text_order(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.at, b.at, n);
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

bool text_ascii(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.at[i] >= 0x80)
			return false;
	return true;
}

static bool is_utf8(struct text t)
{
	utf8proc_int32_t c;
	for (size_t i = 0; i < t.n;) {
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)t.at + i, (utf8proc_ssize_t)(t.n - i), &c);
		if (n <= 0)
			return false;
		i += (size_t)n;
	}
	return true;
}

/* Form NFC, no U+FFFD, and no more than 30 combining marks in a row. */
static bool is_good_text(struct text t)
{
	if (text_ascii(t))
		return true;
	size_t marks = 0;
	for (size_t i = 0; i < t.n;) {
		utf8proc_int32_t c, parts[32];
		int boundary = 0;
		i += (size_t)utf8proc_iterate((const utf8proc_uint8_t *)t.at + i, (utf8proc_ssize_t)(t.n - i), &c);
		if (c == 0xFFFD)
			return false;
		utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
		for (utf8proc_ssize_t k = 0; k < n && k < 32; k++) {
			marks = utf8proc_get_property(parts[k])->combining_class == 0 ? 0 : marks + 1;
			if (marks > MAX_MARKS)
				return false;
		}
	}
	utf8proc_uint8_t *nfc = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)t.at, (utf8proc_ssize_t)t.n, &nfc, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	bool same = n >= 0 && text_same(t, (struct text){(const char *)nfc, (size_t)n});
	free(nfc);
	return same;
}

/* ---- reading ---- */

struct reader {
	struct pool *pool;
	struct text in;
	size_t at;
	const char *why; /* the first refusal */
};

static bool refuse(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return false;
}

static bool malformed(struct reader *r)
{
	return refuse(r, "document.malformed");
}

static int peek(const struct reader *r)
{
	return r->at < r->in.n ? (unsigned char)r->in.at[r->at] : -1;
}

static int skip_space(struct reader *r)
{
	int c;
	while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		r->at++;
	return c;
}

static bool take(struct reader *r, const char *word)
{
	size_t n = strlen(word);
	if (r->in.n - r->at < n || memcmp(r->in.at + r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Four hexadecimal digits, -1 if they are none. */
static int32_t hex4(const struct reader *r, size_t at)
{
	int32_t v = 0;
	if (r->in.n < 4 || at > r->in.n - 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		char c = r->in.at[i];
		if (is_digit(c))
			v = v * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v = v * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return v;
}

/* An escape of the form \uXXXX, or two of them for one character. Half a pair
 * becomes U+FFFD, which no text may hold. */
static bool read_u(struct reader *r, char *out, size_t *n)
{
	int32_t c = hex4(r, r->at + 1);
	if (c < 0)
		return malformed(r);
	r->at += 5;
	if (c >= 0xD800 && c < 0xE000) {
		int32_t low = c < 0xDC00 && peek(r) == '\\' && r->at + 1 < r->in.n && r->in.at[r->at + 1] == 'u' ? hex4(r, r->at + 2) : -1;
		if (low >= 0xDC00 && low < 0xE000) {
			c = 0x10000 + (c - 0xD800) * 0x400 + (low - 0xDC00);
			r->at += 6;
		} else {
			c = 0xFFFD;
		}
	}
	*n += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)out + *n);
	return true;
}

/* Text without escapes stays where it is; other text is copied, never longer. */
static bool read_text(struct reader *r, struct text *out)
{
	if (peek(r) != '"')
		return malformed(r);
	size_t from = ++r->at;
	bool plain = true;
	int c;
	for (size_t i = from;; i++) { /* the end, so that we know how much to copy */
		if (i >= r->in.n || (unsigned char)r->in.at[i] < 0x20)
			return malformed(r);
		if (r->in.at[i] == '\\') {
			plain = false;
			i++;
		} else if (r->in.at[i] == '"') {
			*out = (struct text){r->in.at + from, i - from};
			if (plain) {
				r->at = i + 1;
				return true;
			}
			break;
		}
	}
	char *copy = pool_take(r->pool, out->n);
	size_t n = 0;
	while ((c = peek(r)) != '"') {
		if (c < 0x20)
			return malformed(r);
		r->at++;
		if (c != '\\') {
			copy[n++] = (char)c;
			continue;
		}
		static const char from_letters[] = "\"\\/bfnrt", to_letters[] = "\"\\/\b\f\n\r\t";
		c = peek(r);
		const char *known = c > 0 ? strchr(from_letters, c) : NULL;
		if (c == 'u') {
			if (!read_u(r, copy, &n))
				return false;
		} else if (known != NULL && *known != 0) {
			copy[n++] = to_letters[known - from_letters];
			r->at++;
		} else {
			return malformed(r);
		}
	}
	r->at++;
	*out = (struct text){copy, n};
	return true;
}

static bool read_number(struct reader *r, const struct shape *shape, struct json *v)
{
	size_t from = r->at;
	bool whole = true;
	bool minus = take(r, "-");
	if (!is_digit(peek(r)))
		return malformed(r);
	uint64_t n = 0;
	if (!take(r, "0")) {
		for (; is_digit(peek(r)); r->at++)
			n = n >= (uint64_t)1 << 54 ? n : n * 10 + (uint64_t)(peek(r) - '0');
	}
	if (take(r, ".")) {
		whole = false;
		if (!is_digit(peek(r)))
			return malformed(r);
		while (is_digit(peek(r)))
			r->at++;
	}
	if (peek(r) == 'e' || peek(r) == 'E') {
		whole = false;
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		if (!is_digit(peek(r)))
			return malformed(r);
		while (is_digit(peek(r)))
			r->at++;
	}
	if (shape != NULL && shape->type != JSON_NUMBER)
		return malformed(r);
	bool nought_below = minus && r->at - from == 2 && n == 0;
	if (!whole || n >= (uint64_t)1 << 53 || nought_below)
		return refuse(r, "document.number");
	v->type = JSON_NUMBER;
	v->number = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool read_value(struct reader *r, const struct shape *shape, int depth, struct json *v);

static const struct shape *shape_of(const struct shape *object, struct text key, bool *known)
{
	*known = true;
	if (object == NULL)
		return NULL;
	for (const struct field *f = object->fields; f->name != NULL; f++)
		if (text_is(key, f->name))
			return f->shape;
	*known = false;
	return NULL;
}

static bool read_object(struct reader *r, const struct shape *shape, int depth, struct json *v)
{
	struct json *seen[BUCKETS] = {NULL};
	struct json **last = &v->first;
	v->type = JSON_OBJECT;
	for (r->at++; skip_space(r) != '}'; v->count++) {
		if (v->count > 0) {
			if (!take(r, ","))
				return malformed(r);
			skip_space(r);
		}
		struct json *m = pool_take(r->pool, sizeof *m);
		if (!read_text(r, &m->key))
			return false;
		if (!is_good_text(m->key))
			return refuse(r, "document.not_nfc");
		unsigned sum = 0;
		for (size_t i = 0; i < m->key.n; i++)
			sum = sum * 31 + (unsigned char)m->key.at[i];
		struct json **bucket = &seen[sum % BUCKETS];
		for (struct json *s = *bucket; s != NULL; s = s->chain)
			if (text_same(s->key, m->key))
				return refuse(r, "document.duplicate_key");
		m->chain = *bucket;
		*bucket = m;
		bool known;
		const struct shape *of = shape_of(shape, m->key, &known);
		if (!known)
			return refuse(r, "document.unknown_key");
		skip_space(r);
		if (!take(r, ":"))
			return malformed(r);
		if (!read_value(r, of, depth + 1, m))
			return false;
		*last = m;
		last = &m->next;
	}
	r->at++;
	return true;
}

static bool read_list(struct reader *r, const struct shape *shape, int depth, struct json *v)
{
	struct json **last = &v->first;
	v->type = JSON_LIST;
	for (r->at++; skip_space(r) != ']'; v->count++) {
		if (v->count > 0 && !take(r, ","))
			return malformed(r);
		struct json *m = pool_take(r->pool, sizeof *m);
		if (!read_value(r, shape == NULL ? NULL : shape->each, depth + 1, m))
			return false;
		*last = m;
		last = &m->next;
	}
	r->at++;
	return true;
}

/* depth is how many objects and lists stand around the value. */
static bool read_value(struct reader *r, const struct shape *shape, int depth, struct json *v)
{
	int c = skip_space(r);
	if (c == '{' || c == '[') {
		if (depth >= MAX_DEPTH)
			return refuse(r, "document.too_deep");
		if (shape != NULL && shape->type != (c == '{' ? JSON_OBJECT : JSON_LIST))
			return malformed(r);
		return c == '{' ? read_object(r, shape, depth, v) : read_list(r, shape, depth, v);
	}
	if (c == '"') {
		v->type = JSON_TEXT;
		if (!read_text(r, &v->text))
			return false;
		if (shape != NULL && shape->type != JSON_TEXT)
			return malformed(r);
		return is_good_text(v->text) || refuse(r, "document.not_nfc");
	}
	if (c == '-' || is_digit(c))
		return read_number(r, shape, v);
	if (take(r, "null"))
		return refuse(r, "document.null");
	v->type = JSON_BOOL;
	v->number = c == 't';
	if (!take(r, "true") && !take(r, "false"))
		return malformed(r);
	return shape == NULL || shape->type == JSON_BOOL || malformed(r);
}

const char *json_read(struct pool *p, struct text in, size_t limit, const struct shape *shape, struct json **out)
{
	if (in.n > limit)
		return "document.too_large";
	if (!is_utf8(in))
		return "document.not_utf8";
	static const struct field none[] = {{NULL, NULL}};
	static const struct shape some_object = {JSON_OBJECT, none, NULL};
	struct reader r = {p, in, 0, NULL};
	*out = pool_take(p, sizeof **out);
	if (shape == NULL && skip_space(&r) != '{')
		shape = &some_object; /* whatever it is, it is no object */
	if (!read_value(&r, shape, 0, *out))
		return r.why;
	return skip_space(&r) == -1 ? NULL : "document.trailing";
}

/* ---- members ---- */

const struct json *json_get(const struct json *object, const char *key)
{
	if (object != NULL && object->type == JSON_OBJECT)
		for (const struct json *m = object->first; m != NULL; m = m->next)
			if (text_is(m->key, key))
				return m;
	return NULL;
}

int64_t json_number(const struct json *object, const char *key)
{
	const struct json *m = json_get(object, key);
	return m == NULL ? 0 : m->number;
}

bool json_bool(const struct json *object, const char *key)
{
	return json_number(object, key) != 0;
}

struct text json_text(const struct json *object, const char *key)
{
	const struct json *m = json_get(object, key);
	return m == NULL || m->type != JSON_TEXT ? (struct text){"", 0} : m->text;
}

const struct json *json_first(const struct json *object, const char *key)
{
	const struct json *m = json_get(object, key);
	return m == NULL ? NULL : m->first;
}

size_t json_count(const struct json *object, const char *key)
{
	const struct json *m = json_get(object, key);
	return m == NULL ? 0 : m->count;
}
