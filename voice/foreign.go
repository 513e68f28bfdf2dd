package voice

import "strings"

// foreignWords are words from elsewhere as people here say them, in small
// letters: their spelling would lead a Vietnamese voice astray. Case does not
// count.
var foreignWords = map[string]string{
	// nets and telephones
	"internet": "in-tơ-nét", "wifi": "oai-phai", "wi-fi": "oai-phai", "email": "i-meo", "e-mail": "i-meo", "gmail": "gi-meo",
	"website": "oép-sai", "web": "oép", "online": "on-lai", "offline": "óp-lai", "facebook": "phây-búc", "youtube": "diu-túp",
	"zalo": "da-lô", "tiktok": "tích-tốc", "messenger": "mét-xen-giơ", "google": "gu-gồ", "fanpage": "phan-pết", "livestream": "lai-xtrim",
	"smartphone": "xmát-phôn", "iphone": "ai-phôn", "android": "an-đroi", "laptop": "láp-tóp", "hotline": "hót-lai",
	"video": "vi-đê-ô", "camera": "ca-mê-ra", "micro": "mi-crô", "app": "áp", "apps": "áp", "file": "phai", "logo": "lô-gô",
	"game": "ghêm", "chip": "chíp", "robot": "rô-bốt", "radio": "ra-đi-ô", "tivi": "ti-vi", "smart": "xmát", "bluetooth": "blu-tút",
	"viettel": "viét-ten", "mobifone": "mô-bi-phôn", "vinaphone": "vi-na-phôn", "sms": "ét-em-ét", "spam": "xpam", "blog": "blốc",
	// health
	"covid": "cô-vít", "covid-19": "cô-vít mười chín", "sars-cov-2": "xa cô-vi hai", "aids": "ết", "hiv": "hát-i-vê",
	"vaccine": "vắc-xin", "vaccin": "vắc-xin", "virus": "vi-rút", "vitamin": "vi-ta-min", "test": "tét", "insulin": "in-xu-lin",
	"paracetamol": "pa-ra-xê-ta-môn", "oresol": "ô-rê-dôn", "cloramin": "clo-ra-min", "chloramin": "clo-ra-min",
	// trade, roads, pastimes
	"shipper": "síp-pơ", "ship": "síp", "shop": "sốp", "marketing": "ma-két-tinh", "container": "công-ten-nơ", "karaoke": "ka-ra-ô-kê",
	"homestay": "hôm-xtây", "resort": "ri-dọt", "tour": "tua", "taxi": "tắc-xi", "vietgap": "việt-gáp", "globalgap": "glô-bồ-gáp",
	"biogas": "bi-ô-ga", "inox": "i-nốc", "ok": "ô-kê", "poster": "pốt-xtơ", "pano": "pa-nô", "banner": "ban-nơ", "festival": "phét-ti-van",
	"marathon": "ma-ra-tông", "euro": "ơ-rô", "dollar": "đô-la", "vneid": "vê-en-e-i-đi", "asean": "a-xê-an", "unicef": "u-ni-xép",
	"unesco": "u-nét-xcô", "usb": "u-ét-bê", "gps": "gi-pi-ét",
}

// foreign reads a word from elsewhere, whatever its case; parts joined by
// hyphens are one word where the table has it.
func (r *reader) foreign() (int, string) {
	n := r.letters(0)
	longest := n
	for longest-n < 12 && (isDash(r.runeAt(longest)) && isWordRune(r.runeAt(longest+1)) || isWordRune(r.runeAt(longest))) {
		longest++
	}
	for _, n := range []int{longest, n} {
		if n > window || r.at+n > len(r.text) || !r.ends(n) {
			continue
		}
		if spoken, ok := foreignWords[strings.ToLower(r.text[r.at:r.at+n])]; ok {
			return n, spoken
		}
	}
	return 0, ""
}
