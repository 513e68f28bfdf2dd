package voice

import (
	"regexp"
	"strings"
)

var (
	legalForm   = regexp.MustCompile(`^(\d{1,5})([a-zđ])?(?:/(\d{4}))?/(QH\d{1,2}|UBTVQH\d{1,2}|[A-ZĐƯ][A-Za-zĐđ]{0,9}(?:-[A-ZĐƯ][A-Za-zĐđ]{0,13}\d{0,2}){1,4})`)
	partyForm   = regexp.MustCompile(`^(\d{1,4})()()-([A-ZĐ][A-Za-zĐđ]{1,3}/(?:TW|TU|ĐU|HU))`)
	sessionForm = regexp.MustCompile(`^(QH|UBTVQH)(\d{1,2})$`)
)

// documentTypes are the kinds of documents by their signs, after the annex
// of Decree 30/2020/NĐ-CP on clerical work.
var documentTypes = map[string]string{
	"NĐ": "Nghị định", "NQ": "Nghị quyết", "QĐ": "Quyết định", "CT": "Chỉ thị", "CĐ": "Công điện",
	"TT": "Thông tư", "TTLT": "Thông tư liên tịch", "KH": "Kế hoạch", "TB": "Thông báo", "BC": "Báo cáo",
	"GM": "Giấy mời", "TTr": "Tờ trình", "HD": "Hướng dẫn", "CV": "Công văn", "L": "Lệnh", "PL": "Pháp lệnh",
	"KL": "Kết luận", "VBHN": "Văn bản hợp nhất", "CTr": "Chương trình", "ĐA": "Đề án", "PA": "Phương án",
	"QC": "Quy chế", "QyĐ": "Quy định", "BB": "Biên bản", "GP": "Giấy phép", "GCN": "Giấy chứng nhận", "PC": "Phiếu chuyển", "HĐ": "Hợp đồng", "TC": "Thông cáo",
}

// issuers are the bodies that sign documents, by their signs.
var issuers = map[string]string{
	"CP": "Chính phủ", "TTg": "Thủ tướng Chính phủ", "CTN": "Chủ tịch nước", "VPCP": "Văn phòng Chính phủ",
	"QH": "Quốc hội", "UBTVQH": "Ủy ban Thường vụ Quốc hội",
	"HĐND": "Hội đồng nhân dân", "UBND": "Ủy ban nhân dân", "VP": "Văn phòng",
	"TW": "Trung ương", "TU": "Tỉnh ủy", "ĐU": "Đảng ủy", "HU": "Huyện ủy",
	"BTTTT": "Bộ Thông tin và Truyền thông", "BVHTTDL": "Bộ Văn hóa, Thể thao và Du lịch", "BYT": "Bộ Y tế",
	"BCA": "Bộ Công an", "BQP": "Bộ Quốc phòng", "BTC": "Bộ Tài chính", "BNV": "Bộ Nội vụ", "BTP": "Bộ Tư pháp",
	"BGDĐT": "Bộ Giáo dục và Đào tạo", "BNNMT": "Bộ Nông nghiệp và Môi trường", "BKHCN": "Bộ Khoa học và Công nghệ",
	"BNNPTNT": "Bộ Nông nghiệp và Phát triển nông thôn", "BTNMT": "Bộ Tài nguyên và Môi trường", "BXD": "Bộ Xây dựng",
	"BCT": "Bộ Công Thương", "BGTVT": "Bộ Giao thông vận tải", "BLĐTBXH": "Bộ Lao động, Thương binh và Xã hội",
	"BDTTG": "Bộ Dân tộc và Tôn giáo", "NHNN": "Ngân hàng Nhà nước", "TTCP": "Thanh tra Chính phủ",
	"STTTT": "Sở Thông tin và Truyền thông", "SVHTTDL": "Sở Văn hóa, Thể thao và Du lịch",
	"SVHTT": "Sở Văn hóa và Thể thao", "SYT": "Sở Y tế", "SNV": "Sở Nội vụ", "STC": "Sở Tài chính", "STP": "Sở Tư pháp",
	"SGDĐT": "Sở Giáo dục và Đào tạo", "SNNMT": "Sở Nông nghiệp và Môi trường", "SKHCN": "Sở Khoa học và Công nghệ",
	"BCHQS": "Ban chỉ huy quân sự", "MTTQ": "Mặt trận Tổ quốc",
}

// legal reads the number of a document: 49/2024/NĐ-CP is "số bốn mươi chín năm
// hai nghìn không trăm hai mươi tư của Chính phủ". The kind of document is said
// only if the writer did not, and signs nobody knows are spelled.
func (r *reader) legal() (int, string) {
	s := r.ahead()
	m := legalForm.FindStringSubmatch(s)
	if m == nil {
		m = partyForm.FindStringSubmatch(s)
	}
	if m == nil || !r.ends(len(m[0])) {
		return 0, ""
	}
	parts := strings.FieldsFunc(m[4], func(c rune) bool { return c == '-' || c == '/' })
	kind, known := documentTypes[parts[0]]
	if issuers[parts[0]] != "" || sessionForm.MatchString(parts[0]) || !known && len(parts) == 1 { // no kind is written
		kind, known, parts = "", true, append([]string{""}, parts...)
	}
	spoken := ""
	before := strings.TrimRight(r.behind(), " :\u00a0") // "Số: 15/TB-UBND"
	if lastWord(before) != "số" {
		spoken = "số "
		if kind != "" && !saysKind(before, parts[0], kind) {
			spoken = kind + " số "
		}
	}
	spoken += r.n.cardinal(m[1])
	if m[2] != "" {
		spoken += " " + m[2]
	}
	if m[3] != "" {
		spoken += " năm " + r.n.small(atoi(m[3]))
	}
	if !known {
		for _, sign := range parts {
			spoken += ", " + r.sign(sign)
		}
		return len(m[0]), spoken
	}
	for i, sign := range parts[1:] {
		if i == 0 {
			spoken += " của "
		} else if _, ok := issuers[sign]; ok {
			spoken += " và "
		} else {
			spoken += ", "
		}
		spoken += r.issuer(sign)
	}
	return len(m[0]), spoken
}

// saysKind reports whether the words before already name the kind, in full or
// by its sign.
func saysKind(before, sign, kind string) bool {
	return strings.HasSuffix(strings.ToLower(before), strings.ToLower(kind)) || lastWord(before) == strings.ToLower(sign)
}

// issuer says who signed; the National Assembly with its term.
func (r *reader) issuer(sign string) string {
	if m := sessionForm.FindStringSubmatch(sign); m != nil {
		return issuers[m[1]] + " khóa " + r.n.small(atoi(m[2]))
	}
	if _, own := r.n.Lexicon[sign]; !own {
		if name, ok := issuers[sign]; ok {
			return name
		}
	}
	return r.sign(sign)
}

// sign says a sign by the lexicon or the abbreviations, or spells it.
func (r *reader) sign(sign string) string {
	if spoken, ok := r.word(sign); ok {
		return spoken
	}
	return spellLetters(sign)
}
