package voice

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// abbreviations are the short forms that read one way wherever they stand.
// What depends on its neighbours is in shortened.
var abbreviations = map[string]string{
	// the state and its bodies
	"UBND": "Ủy ban nhân dân", "HĐND": "Hội đồng nhân dân", "UBMTTQ": "Ủy ban Mặt trận Tổ quốc", "MTTQ": "Mặt trận Tổ quốc",
	"UBTVQH": "Ủy ban Thường vụ Quốc hội", "VPCP": "Văn phòng Chính phủ", "BCHQS": "Ban chỉ huy quân sự", "BCĐ": "Ban chỉ đạo",
	"BTV": "Ban Thường vụ", "PCT": "Phó Chủ tịch", "TAND": "Tòa án nhân dân", "VKSND": "Viện kiểm sát nhân dân",
	"CAND": "Công an nhân dân", "QĐND": "Quân đội nhân dân", "LLVT": "lực lượng vũ trang", "DQTV": "dân quân tự vệ",
	"CSGT": "cảnh sát giao thông", "CSKV": "cảnh sát khu vực", "CBCC": "cán bộ, công chức", "CBCCVC": "cán bộ, công chức, viên chức",
	"CCVC": "công chức, viên chức", "VHTTDL": "Văn hóa, Thể thao và Du lịch", "TTTT": "Thông tin và Truyền thông",
	"GDĐT": "Giáo dục và Đào tạo", "NNMT": "Nông nghiệp và Môi trường", "KHCN": "Khoa học và Công nghệ",
	"VPĐK": "văn phòng đăng ký", "TTHC": "thủ tục hành chính", "CCHC": "cải cách hành chính", "DVC": "dịch vụ công",
	"DVCQG": "dịch vụ công quốc gia", "DVCTT": "dịch vụ công trực tuyến", "HCC": "hành chính công", "QPPL": "quy phạm pháp luật",
	"PBGDPL": "phổ biến, giáo dục pháp luật", "CNXH": "chủ nghĩa xã hội", "CHXHCN": "Cộng hòa xã hội chủ nghĩa",
	"ĐBQH": "đại biểu Quốc hội", "PTDS": "phòng thủ dân sự", "PCTT": "phòng, chống thiên tai", "TKCN": "tìm kiếm cứu nạn",
	"PCCC": "phòng cháy, chữa cháy", "CNCH": "cứu nạn, cứu hộ", "PCCCR": "phòng cháy, chữa cháy rừng", "BVR": "bảo vệ rừng",
	"GPMB": "giải phóng mặt bằng", "TĐC": "tái định cư", "BQL": "Ban quản lý", "QLDA": "quản lý dự án", "BQLDA": "Ban quản lý dự án",
	"QLNN": "quản lý nhà nước", "ĐTXD": "đầu tư xây dựng", "XDCB": "xây dựng cơ bản", "KHĐT": "Kế hoạch và Đầu tư", "TNMT": "Tài nguyên và Môi trường",
	"NNPTNT": "Nông nghiệp và Phát triển nông thôn", "PTNT": "phát triển nông thôn", "GTVT": "giao thông vận tải", "VHXH": "văn hóa, xã hội",
	"KTXH": "kinh tế, xã hội", "QPAN": "quốc phòng, an ninh", "CNTT": "công nghệ thông tin", "CĐS": "chuyển đổi số", "MTQG": "mục tiêu quốc gia",
	"CTMTQG": "chương trình mục tiêu quốc gia", "TBT": "Tổng Bí thư", "PBT": "Phó Bí thư", "TTHCC": "trung tâm hành chính công", "TW": "Trung ương",
	"TƯ": "Trung ương", "UBKT": "Ủy ban Kiểm tra", "ĐUV": "đảng ủy viên", "CAX": "Công an xã", "CAT": "Công an tỉnh", "CSĐT": "cảnh sát điều tra",
	"TTKN": "tiếp tế khẩn nguy", "VBQPPL": "văn bản quy phạm pháp luật", "HĐBC": "Hội đồng bầu cử", "UBBC": "Ủy ban bầu cử", "CLB": "câu lạc bộ",
	"BTC": "Ban tổ chức", "BGK": "Ban giám khảo", "BGH": "Ban giám hiệu", "TDĐKXDĐSVH": "toàn dân đoàn kết xây dựng đời sống văn hóa",
	"BĐ": "báo động", "ATNĐ": "áp thấp nhiệt đới", "KTTV": "khí tượng thủy văn", "HCN": "hộ cận nghèo", "XHH": "xã hội hóa", "XHCN": "xã hội chủ nghĩa",
	"ÂL": "âm lịch", "SĐT": "số điện thoại", "sđt": "số điện thoại", "STT": "số thứ tự", "MST": "mã số thuế", "STK": "số tài khoản", "ko": "không",
	"Cty": "Công ty", "CTy": "Công ty", "Tp": "thành phố", "ThS": "thạc sĩ", "Ths": "thạc sĩ", "PGS": "phó giáo sư", "GS": "giáo sư", "BS": "bác sĩ",
	"CKI": "chuyên khoa một", "CKII": "chuyên khoa hai", "NSƯT": "nghệ sĩ ưu tú", "NSND": "nghệ sĩ nhân dân", "NGƯT": "nhà giáo ưu tú",
	// unions
	"LHPN": "Liên hiệp Phụ nữ", "HPN": "Hội Phụ nữ", "ND": "nông dân", "CCB": "cựu chiến binh", "ĐVTN": "đoàn viên thanh niên",
	"TNCS": "Thanh niên Cộng sản", "LĐLĐ": "Liên đoàn Lao động", "HCTĐ": "Hội Chữ thập đỏ", "NCT": "người cao tuổi",
	"HLHPN": "Hội Liên hiệp Phụ nữ", "HND": "Hội Nông dân", "HCCB": "Hội Cựu chiến binh", "ĐTN": "Đoàn Thanh niên", "TNTP": "Thiếu niên Tiền phong",
	"TNXP": "thanh niên xung phong", "NKT": "người khuyết tật", "CĐCS": "công đoàn cơ sở", "MTTQVN": "Mặt trận Tổ quốc Việt Nam",
	// places
	"TP": "thành phố", "HCM": "Hồ Chí Minh", "TPHCM": "Thành phố Hồ Chí Minh", "TDP": "tổ dân phố", "KDC": "khu dân cư", "KP": "khu phố",
	"KCN": "khu công nghiệp", "KCX": "khu chế xuất", "Km": "ki-lô-mét", "KKT": "khu kinh tế", "CCN": "cụm công nghiệp", "KTX": "ký túc xá", "NVH": "nhà văn hóa",
	"TTVH": "trung tâm văn hóa", "TYT": "trạm y tế", "TTYT": "trung tâm y tế", "BVĐK": "bệnh viện đa khoa", "BV": "bệnh viện",
	"QL": "quốc lộ", "TL": "tỉnh lộ", "HL": "hương lộ", "GTNT": "giao thông nông thôn", "NTM": "nông thôn mới",
	"ĐBSCL": "đồng bằng sông Cửu Long",
	// papers and money of citizens
	"CCCD": "căn cước công dân", "CMND": "chứng minh nhân dân", "CMT": "chứng minh thư", "GPLX": "giấy phép lái xe",
	"GCN": "giấy chứng nhận", "GCNQSDĐ": "giấy chứng nhận quyền sử dụng đất", "QSDĐ": "quyền sử dụng đất",
	"ĐKKD": "đăng ký kinh doanh", "BHYT": "bảo hiểm y tế", "BHXH": "bảo hiểm xã hội", "BHTN": "bảo hiểm thất nghiệp",
	"TNCN": "thu nhập cá nhân", "GTGT": "giá trị gia tăng", "NSNN": "ngân sách nhà nước", "NHCSXH": "Ngân hàng Chính sách xã hội",
	"CSXH": "chính sách xã hội", "ASXH": "an sinh xã hội", "LĐTBXH": "Lao động, Thương binh và Xã hội", "BTXH": "bảo trợ xã hội",
	"NCC": "người có công", "XKLĐ": "xuất khẩu lao động", "DVVL": "dịch vụ việc làm", "NLĐ": "người lao động",
	// schools
	"THCS": "trung học cơ sở", "THPT": "trung học phổ thông", "TH": "tiểu học", "ĐH": "đại học", "GDTX": "giáo dục thường xuyên",
	"TTGDTX": "trung tâm giáo dục thường xuyên", "HS": "học sinh", "SV": "sinh viên", "HSSV": "học sinh, sinh viên", "GV": "giáo viên",
	"PHHS": "phụ huynh học sinh", "HSG": "học sinh giỏi", "SGK": "sách giáo khoa", "GVCN": "giáo viên chủ nhiệm",
	"PTDTBT": "phổ thông dân tộc bán trú", "PTDTNT": "phổ thông dân tộc nội trú", "TDTT": "thể dục thể thao", "VHVN": "văn hóa, văn nghệ",
	"KCB": "khám, chữa bệnh", "SKSS": "sức khỏe sinh sản", "DSKHHGĐ": "dân số, kế hoạch hóa gia đình", "TCMR": "tiêm chủng mở rộng",
	"TNGT": "tai nạn giao thông", "ATVSTP": "an toàn vệ sinh thực phẩm", "ATVSLĐ": "an toàn, vệ sinh lao động", "XD": "xây dựng", "VB": "văn bản", "KHKT": "khoa học kỹ thuật",
	// work, farm, water, power
	"TNHH": "trách nhiệm hữu hạn", "CTCP": "công ty cổ phần", "DN": "doanh nghiệp", "DNTN": "doanh nghiệp tư nhân",
	"DNNN": "doanh nghiệp nhà nước", "SXKD": "sản xuất, kinh doanh", "HTX": "hợp tác xã", "DVNN": "dịch vụ nông nghiệp",
	"HTXNN": "hợp tác xã nông nghiệp", "BVTV": "bảo vệ thực vật", "TBA": "trạm biến áp", "ĐZ": "đường dây", "MBA": "máy biến áp",
	"HLATLĐ": "hành lang an toàn lưới điện", "OCOP": "ô-cốp", "ATTP": "an toàn thực phẩm", "VSATTP": "vệ sinh an toàn thực phẩm",
	"VSMT": "vệ sinh môi trường", "BVMT": "bảo vệ môi trường", "CTRSH": "chất thải rắn sinh hoạt", "ATGT": "an toàn giao thông",
	"ATLĐ": "an toàn lao động", "ANTT": "an ninh trật tự", "TTATGT": "trật tự an toàn giao thông", "TNXH": "tệ nạn xã hội",
	"NVQS": "nghĩa vụ quân sự", "LGK": "lệnh gọi khám", "KHHGĐ": "kế hoạch hóa gia đình", "NTTS": "nuôi trồng thủy sản", "THT": "tổ hợp tác", "DVTH": "dịch vụ tổng hợp", "CSDL": "cơ sở dữ liệu", "DTTS": "dân tộc thiểu số",
	"DPT": "bạch hầu, ho gà, uốn ván", "MR": "sởi, rubella", "SXH": "sốt xuất huyết", "TCM": "tay chân miệng", "PCD": "phòng, chống dịch",
	// broadcasting
	"PTTH": "phát thanh, truyền hình", "TTCS": "thông tin cơ sở", "VTV": "vê-tê-vê", "VOV": "vê-ô-vê", "FM": "ép-em",
	// signs that the letters would not lead to
	"pH": "pê-hát", "VND": "đồng", "VNĐ": "đồng",
}

// compounds are short forms joined by hyphens, "&" or commas, written without
// the blanks people leave around them.
var compounds = map[string]string{
	"GD-ĐT": "giáo dục và đào tạo", "GD&ĐT": "giáo dục và đào tạo", "VH-TT": "văn hóa, thông tin", "VH-TT&DL": "văn hóa, thể thao và du lịch",
	"VH,TT&DL": "văn hóa, thể thao và du lịch", "VHTT&DL": "văn hóa, thể thao và du lịch", "TT&TT": "thông tin và truyền thông",
	"TT-TT": "thông tin, tuyên truyền", "NN&PTNT": "nông nghiệp và phát triển nông thôn", "NN-PTNT": "nông nghiệp và phát triển nông thôn",
	"NN&MT": "nông nghiệp và môi trường", "TN&MT": "tài nguyên và môi trường", "TN-MT": "tài nguyên, môi trường", "KH&CN": "khoa học và công nghệ",
	"KH-CN": "khoa học, công nghệ", "KH-KT": "khoa học kỹ thuật", "KH&ĐT": "kế hoạch và đầu tư", "KH-ĐT": "kế hoạch và đầu tư", "KT-XH": "kinh tế, xã hội",
	"VH-XH": "văn hóa, xã hội", "QP-AN": "quốc phòng, an ninh", "ANTT-ATXH": "an ninh trật tự, an toàn xã hội", "ANCT": "an ninh chính trị",
	"LĐ-TB&XH": "lao động, thương binh và xã hội", "LĐTB&XH": "lao động, thương binh và xã hội", "TB&XH": "thương binh và xã hội",
	"TB-LS": "thương binh, liệt sĩ", "TBLS": "thương binh, liệt sĩ", "TB,BB": "thương binh, bệnh binh", "TT-ATGT": "trật tự an toàn giao thông",
	"PCCC&CNCH": "phòng cháy, chữa cháy và cứu nạn, cứu hộ", "TDTT-VHVN": "thể dục thể thao, văn hóa văn nghệ", "GS-TS": "giáo sư, tiến sĩ",
	"PGS-TS": "phó giáo sư, tiến sĩ", "HĐND-UBND": "Hội đồng nhân dân, Ủy ban nhân dân", "DS-KHHGĐ": "dân số, kế hoạch hóa gia đình",
	"ATTP-ATVS": "an toàn thực phẩm, an toàn vệ sinh", "KT-HT": "kinh tế, hạ tầng", "VP-TK": "văn phòng, thống kê", "TC-KH": "tài chính, kế hoạch",
	"TP.HCM": "Thành phố Hồ Chí Minh", "TP-HCM": "Thành phố Hồ Chí Minh",
}

// slashWords are short forms with a slash in them.
var slashWords = map[string]string{
	"đ/c": "đồng chí", "Đ/c": "đồng chí", "Đ/C": "đồng chí", "v/v": "về việc", "V/v": "về việc", "V/V": "về việc", "T/M": "thay mặt", "k/g": "kính gửi",
	"K/g": "kính gửi", "b/c": "báo cáo", "T/p": "thành phố", "TX/TP": "thị xã, thành phố", "HIV/AIDS": "hát-i-vê, ết", "và/hoặc": "và hoặc",
}

// southernAbbreviations are read differently in the south.
var southernAbbreviations = map[string]string{"QR": "ku-a"}

var (
	romanForm    = regexp.MustCompile(`^[IVXLC]{1,8}(?:(?:-|–|, | và | đến )[IVXLC]{1,8}){0,4}`)
	romanPart    = regexp.MustCompile(`[IVXLC]+`)
	romanLegal   = regexp.MustCompile(`^(?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$`)
	headingForm  = regexp.MustCompile(`^[IVXL]{1,6}\. `)
	weekdayForm  = regexp.MustCompile(`^T([2-7])(?:(-|–)T([2-7]))?`)
	monthForm    = regexp.MustCompile(`^T(1[0-2]|[1-9])/(\d{4})`)
	compoundForm = regexp.MustCompile(`^\p{Lu}{2,9}(?:(?: ?& ?|-|, ?|\.)\p{Lu}{2,9}){1,3}`)
	slashForms   = regexp.MustCompile(`^\pL{1,4}/\pL{1,4}`)
	signedForm   = regexp.MustCompile(`^(NĐ|NQ|QĐ|CT|CĐ|TT|KH|KL|HD|TB)-(\p{Lu}[\pL]{1,8})`)
	lowPlaceForm = regexp.MustCompile(`^(đ|tp|tx|p|q|h|x|ô|Ô|b|tr)\. ?([\p{Lu}0-9])`)
	placeForm    = regexp.MustCompile(`^(TP|Tp|TX|Tx|TT|Tt|P|Q|H|X|Đ)\. ?([\p{Lu}0-9])`)
	titleForm    = regexp.MustCompile(`^(ThS|PGS|GS|TS|BS|KS|TM|KT|Ths)\.(?: |[\p{Lu}])`)
	roadForm     = regexp.MustCompile(`^(QL|TL|HL)\. ?\d`)
	provincial   = regexp.MustCompile(`^ĐT[. ]?(\d{3})`)
	codeNameForm = regexp.MustCompile(`^\pL{1,12}\d[\pL\d]{0,24}(?:\.\d{1,4})?`)
	codePartForm = regexp.MustCompile(`\pL+|\d+|\.`)
	syllableForm = regexp.MustCompile(`^(?:ngh|ng|gh|kh|ph|th|tr|ch|nh|gi|qu|[bcdđghklmnpqrstvx])?[aăâeêioôơuưy]{1,3}(?:ng|nh|ch|[cmnpt])?$`)
)

// roman reads Roman numbers behind the words that take them: quý III "quý ba",
// cấp V "cấp năm", and at the head of a line.
func (r *reader) roman() (int, string) {
	s := r.ahead()
	if strings.TrimSpace(r.behind()) == "" {
		if m := headingForm.FindString(s); m != "" {
			if v, ok := romanValue(m[:len(m)-2]); ok {
				return len(m) - 2, r.n.small(v)
			}
		}
	}
	switch r.previous() {
	case "quý", "quí", "bđ", "động", "đoạn", "khoản", "điều", "cấp", "vực", "khóa", "khoá", "kỳ", "kì", "hội", "kỷ", "kỉ", "vùng", "loại", "hạng", "chương", "phần",
		"lục", "mục", "thứ", "đợt", "khu", "tập", "nhóm", "bậc", "tuyến", "đời", "huân", "tiểu":
	default:
		return 0, ""
	}
	m := romanForm.FindString(s)
	for m != "" && !r.ends(len(m)) {
		m = m[:max(0, strings.LastIndexAny(m, " ,-–"))]
		m = strings.TrimRight(strings.ToValidUTF8(m, ""), " ,-–vàđến")
	}
	if m == "" {
		return 0, ""
	}
	if m == "C" || m == "L" || r.shoutsOn(len(m)) { // "loại C" is a letter; "VI PHẠM" is a word
		return 0, ""
	}
	valid := true
	spoken := romanPart.ReplaceAllStringFunc(m, func(part string) string {
		v, ok := romanValue(part)
		valid = valid && ok
		if r.previous() == "thứ" {
			return r.n.ordinal(strconv.Itoa(v))
		}
		return r.n.small(v)
	})
	if !valid {
		return 0, ""
	}
	spoken = strings.NewReplacer("-", " đến ", "–", " đến ").Replace(spoken)
	if k := digitRun(strings.TrimPrefix(r.aheadFrom(len(m)), ".")); k > 0 && r.runeAt(len(m)) == '.' && k <= 2 { // mục III.2
		return len(m) + 1 + k, spoken + " chấm " + r.n.small(atoi(r.aheadFrom(len(m) + 1)[:k]))
	}
	if year := monthYear(r.aheadFrom(len(m))); year != "" { // quý I/2027
		return len(m) + 5, spoken + " năm " + r.n.small(atoi(year))
	}
	return len(m), spoken
}

// monthYear is the year in "/2027", "" when s begins otherwise.
func monthYear(s string) string {
	if len(s) >= 5 && s[0] == '/' && digitRun(s[1:]) == 4 {
		return s[1:5]
	}
	return ""
}

// romanValue is the value of a well-formed Roman number up to 399.
func romanValue(s string) (int, bool) {
	if s == "" || !romanLegal.MatchString(s) {
		return 0, false
	}
	values := map[byte]int{'I': 1, 'V': 5, 'X': 10, 'L': 50, 'C': 100}
	total := 0
	for i := range len(s) {
		v := values[s[i]]
		if i+1 < len(s) && values[s[i+1]] > v {
			v = -v
		}
		total += v
	}
	return total, true
}

// weekday reads T2 to T7, a range of them, and T10/2026 as a month.
func (r *reader) weekday() (int, string) {
	s := r.ahead()
	if m := monthForm.FindStringSubmatch(s); m != nil && r.ends(len(m[0])) {
		return len(m[0]), "tháng " + r.n.month(atoi(m[1])) + " năm " + r.n.small(atoi(m[2]))
	}
	m := weekdayForm.FindStringSubmatch(s)
	if m == nil || !r.ends(len(m[0])) {
		return 0, ""
	}
	spoken := "thứ " + r.n.ordinal(m[1])
	if m[3] != "" {
		spoken += " đến thứ " + r.n.ordinal(m[3])
	}
	return len(m[0]), spoken
}

// shortened reads short forms: those with a dot before a name, those whose
// sense depends on the next word, and those that always read the same.
func (r *reader) shortened() (int, string) {
	s := r.ahead()
	if n, spoken := r.joinedShort(); n > 0 {
		return n, spoken
	}
	if m := placeForm.FindStringSubmatch(s); m != nil && !r.hasInitials() {
		rest := strings.TrimLeft(s[len(m[1])+1:], " ")
		if m[1] == "P" && (digitRun(rest) > 2 || compounds[rest[:r.capitalRun(rest)]] != "" || abbreviations[rest[:r.capitalRun(rest)]] != "") { // P.203, P.GDĐT
			return len(m[1]) + 1, "phòng"
		}
		return len(m[1]) + 1, placeName(m[1])
	}
	if m := lowPlaceForm.FindStringSubmatch(s); m != nil {
		switch {
		case m[1] == "tr":
			return len("tr."), "trang"
		case m[1] == "ô" || m[1] == "Ô":
			return len(m[1]) + 1, "ông"
		case m[1] == "b" && !isDigit(rune(m[2][0])):
			return len("b."), "bà"
		case m[1] != "b":
			return len(m[1]) + 1, placeName(strings.ToUpper(m[1]))
		}
	}
	if m := titleForm.FindStringSubmatch(s); m != nil {
		return len(m[1]) + 1, titleName(m[1])
	}
	if m := roadForm.FindStringSubmatch(s); m != nil {
		return len(m[1]) + 1, abbreviations[m[1]]
	}
	if m := provincial.FindStringSubmatch(s); m != nil && r.ends(len(m[0])) && !continuesNumber(s[len(m[0]):]) {
		return len(m[0]), "đường tỉnh " + r.n.small(atoi(m[1]))
	}
	n := r.letters(0)
	if !r.ends(n) {
		return 0, ""
	}
	written := r.text[r.at : r.at+n]
	if spoken, ok := r.inContext(written, r.next(n)); ok {
		return n, spoken
	}
	if spoken, ok := r.word(written); ok {
		if r.runeAt(n) == '.' && isDigit(r.runeAt(n+1)) { // KP.2
			n++
		}
		return n, spoken
	}
	if name, ok := issuers[written]; ok && len(written) > 2 && (written[0] == 'B' || written[0] == 'S') {
		return n, name
	}
	return 0, ""
}

// capitalRun is the length of the run of capitals, "&" and "-" at the head of s.
func (r *reader) capitalRun(s string) int {
	n := strings.IndexFunc(s, func(c rune) bool { return !unicode.IsUpper(c) && c != '&' && c != '-' })
	if n < 0 {
		return len(s)
	}
	return n
}

// joinedShort reads short forms of several parts: "GD&ĐT", "v/v", and the signs of
// a document without its number, "NĐ-CP".
func (r *reader) joinedShort() (int, string) {
	s := r.ahead()
	if m := slashForms.FindString(s); m != "" && r.ends(len(m)) {
		spoken, ok := slashWords[m]
		if ok && strings.EqualFold(m, "đ/c") && strings.HasPrefix(strings.TrimLeft(s[len(m):], " "), ":") {
			spoken = "địa chỉ"
		}
		if ok {
			return len(m), spoken
		}
	}
	m := compoundForm.FindString(s)
	for m != "" {
		written := strings.ReplaceAll(m, " ", "")
		if _, own := r.n.Lexicon[m]; r.ends(len(m)) && !own {
			if spoken, ok := compounds[written]; ok {
				return len(m), spoken
			}
		}
		m = strings.TrimRight(m[:max(0, strings.LastIndexAny(m, "-&,."))], " ")
	}
	if m := signedForm.FindStringSubmatch(s); m != nil && r.ends(len(m[0])) {
		if name, ok := issuers[m[2]]; ok {
			return len(m[0]), documentTypes[m[1]] + " của " + name
		}
	}
	return 0, ""
}

func placeName(short string) string {
	switch short {
	case "TP", "Tp":
		return "thành phố"
	case "TX", "Tx":
		return "thị xã"
	case "TT", "Tt":
		return "thị trấn"
	case "P":
		return "phường"
	case "Q":
		return "quận"
	case "H":
		return "huyện"
	case "X":
		return "xã"
	}
	return "đường"
}

func titleName(short string) string {
	switch short {
	case "ThS", "Ths":
		return "thạc sĩ"
	case "PGS":
		return "phó giáo sư"
	case "GS":
		return "giáo sư"
	case "TS":
		return "tiến sĩ"
	case "BS":
		return "bác sĩ"
	case "KS":
		return "kỹ sư"
	case "TM":
		return "thay mặt"
	}
	return "ký thay"
}

// inContext reads the short forms that mean several things by the word that
// follows.
func (r *reader) inContext(short, next string) (string, bool) {
	c, _ := utf8.DecodeRuneInString(next)
	numbered := next == "số" || isDigit(c)
	lower := strings.ToLower(next)
	local := lower == "xã" || lower == "phường" || lower == "tỉnh" || lower == "huyện" || lower == "ubnd" || lower == "hđnd"
	before := strings.ToLower(r.behind())
	named := unicode.IsUpper(c) && next != strings.ToUpper(next)
	if r.runeAt(len(short)) == ':' { // the heads of an invitation
		switch short {
		case "TG":
			return "thời gian", true
		case "ĐĐ":
			return "địa điểm", true
		case "TP":
			return "thành phần", true
		case "ND":
			return "nội dung", true
		case "KP":
			return "kinh phí", true
		}
	}
	switch short {
	case "CN":
		if r.previous() == "ngành" || r.previous() == "khu" {
			return "công nghiệp", true
		}
		return "chủ nhật", true
	case "CĐ":
		switch {
		case numbered:
			return "Công điện", true
		case lower == "cơ" || lower == "viên" || lower == "công" || local:
			return "công đoàn", true
		}
		return "cao đẳng", true
	case "ĐT":
		switch lower {
		case "xd", "xây", "công", "phát":
			return "đầu tư", true
		}
		return "điện thoại", true
	case "QL":
		switch r.previous() {
		case "ban", "bql", "cục", "công", "nhà", "tổ", "đội":
			return "quản lý", true
		}
		switch lower {
		case "dự", "nhà", "đất", "thị", "rừng", "chợ", "vận", "tài", "môi", "xây", "đầu", "bảo", "hành", "khu", "nước":
			return "quản lý", true
		}
	case "CT":
		switch {
		case numbered:
			return "Chỉ thị", true
		case local, r.previous() == "ông", r.previous() == "bà", r.previous() == "chí", r.previous() == "c", r.previous() == "phó":
			return "Chủ tịch", true
		}
		switch lower {
		case "mttq", "ubmttq", "hội", "htx", "hnd", "hccb", "hlhpn", "lhpn", "cđ", "công":
			return "Chủ tịch", true
		case "mtqg", "ocop", "ntm", "mục", "phát", "hành", "công tác", "xây":
			return "Chương trình", true
		}
	case "CA":
		if local || lower == "tp" || lower == "khu" {
			return "Công an", true
		}
	case "TT":
		switch {
		case numbered:
			return "Thông tư", true
		case lower == "hđnd" || lower == "ubnd" || lower == "đảng" || lower == "đu" || lower == "mttq" || lower == "tỉnh" || lower == "huyện":
			return "Thường trực", true
		case lower == "y" || lower == "phục" || lower == "văn" || lower == "hcc" || lower == "học" || lower == "dvvl" || lower == "vh" || lower == "gdtx" ||
			lower == "dịch" || lower == "hành" || lower == "giáo" || lower == "bồi" || lower == "chính" || lower == "khuyến" || lower == "hội":
			return "Trung tâm", true
		case named:
			return "thị trấn", true
		}
	case "BT":
		switch lower {
		case "đảng", "chi", "đoàn", "tỉnh", "huyện", "xã", "thành":
			return "Bí thư", true
		}
	case "SN", "sn":
		if numbered || strings.HasPrefix(strings.TrimLeft(r.aheadFrom(2), ": "), "19") {
			return "sinh năm", true
		}
	case "TX":
		if named {
			return "thị xã", true
		}
	case "TS":
		if named {
			return "tiến sĩ", true
		}
	case "BCH":
		switch lower {
		case "pctt", "ptds", "qs", "quân", "phòng":
			return "Ban chỉ huy", true
		}
		return "Ban chấp hành", true
	case "CP":
		switch r.previous() {
		case "ty", "cty", "phần":
			return "cổ phần", true
		}
		return "Chính phủ", true
	case "C":
		if r.previous() == "độ" {
			return "xê", true
		}
	case "F":
		if r.previous() == "độ" {
			return "ép", true
		}
	case "TB":
		switch {
		case r.previous() == "điểm" || r.previous() == "mức" || r.previous() == "loại" || r.previous() == "bình":
			return "trung bình", true
		case strings.Contains(before, "bơm") || strings.Contains(before, "tưới") || strings.Contains(before, "vận hành"):
			return "trạm bơm", true
		case strings.HasSuffix(strings.TrimRight(before, " ,"), "sĩ"):
			return "thương binh", true
		}
		return "thông báo", true
	case "NĐ", "NQ", "QĐ":
		return documentTypes[short], true
	case "KH", "CV":
		if numbered || lower == "của" || lower == "này" || lower == "về" || lower == "ngày" {
			return documentTypes[short], true
		}
	}
	return "", false
}

// codeName reads names made of letters and digits: TBR225 "tê-bê-e-rờ hai trăm
// hai mươi lăm", QL1A "quốc lộ một a".
func (r *reader) codeName() (int, string) {
	m := codeNameForm.FindString(r.ahead())
	if m == "" || !r.ends(len(m)) {
		return 0, ""
	}
	var words []string
	for _, part := range codePartForm.FindAllString(m, -1) {
		c, _ := utf8.DecodeRuneInString(part)
		switch {
		case part == ".":
			words = append(words, "chấm")
		case isDigit(c) && len(part) > 3:
			words = append(words, strings.Join(spellGroups(part), ", "))
		case isDigit(c):
			words = append(words, r.n.cardinal(part))
		case part == "NĐ" || part == "NQ" || part == "QĐ": // other signs name seeds and classes too
			words = append(words, documentTypes[part])
		case unicode.IsUpper(c) && part == strings.ToUpper(part):
			words = append(words, r.sign(part))
		case unitNames[part] != "" && unicode.IsUpper(c): // Km5
			words = append(words, unitNames[part])
		default:
			words = append(words, part)
		}
	}
	return len(m), strings.Join(words, " ")
}

// capitals reads a word in capitals: as a word if Vietnamese has such a
// syllable ("THÔNG", "PIN"), else letter by letter if it is short ("OTP").
func (r *reader) capitals() (int, string) {
	n := r.letters(0)
	written := r.text[r.at : r.at+n]
	count := utf8.RuneCountInString(written)
	if count < 2 || n > window || written != strings.ToUpper(written) || written == strings.ToLower(written) {
		return 0, ""
	}
	lower := strings.ToLower(written)
	if v, ok := romanValue(written); ok && v < 40 && r.ends(n) && !r.shouted() && !r.shoutsOn(n) {
		return n, r.n.small(v)
	}
	switch {
	case syllableForm.MatchString(withoutTone(lower)):
		return n, lower
	case (count <= 5 || count <= 10 && !speakable(lower)) && r.ends(n):
		return n, spellLetters(written)
	}
	return 0, ""
}

// shouted reports whether the word before is in capitals too: then "VI" may be a
// word.
func (r *reader) shouted() bool {
	before := strings.TrimRight(r.behind(), " \u00a0")
	word := before[strings.LastIndexAny(before, " \u00a0")+1:]
	return word == "" || word == strings.ToUpper(word) && word != strings.ToLower(word)
}

// shoutsOn reports whether the word n bytes ahead is in capitals too.
func (r *reader) shoutsOn(n int) bool {
	next := r.next(n)
	return utf8.RuneCountInString(next) > 1 && next == strings.ToUpper(next) && next != strings.ToLower(next) && !romanLegal.MatchString(next)
}

// speakable reports whether somebody could try to say letters as a word: vowels
// among them, and never four consonants on end.
func speakable(lower string) bool {
	row := 0
	for _, c := range withoutTone(lower) {
		row++
		if strings.ContainsRune("aăâeêioôơuưy", c) {
			row = 0
		}
		if row == 4 {
			return false
		}
	}
	return true
}

// withoutTone takes the five tone marks off and leaves ă â ê ô ơ ư đ.
func withoutTone(s string) string {
	return norm.NFC.String(strings.Map(func(c rune) rune {
		switch c {
		case '\u0300', '\u0301', '\u0303', '\u0309', '\u0323':
			return -1
		}
		return c
	}, norm.NFD.String(s)))
}

// spellLetters reads letters by their names joined with hyphens, digits as
// digits.
func spellLetters(letters string) string {
	var names []string
	for _, c := range letters {
		names = append(names, letterName(unicode.ToUpper(c)))
	}
	return strings.Join(names, "-")
}

// letterName is the name of a letter as newsreaders say it in abbreviations.
func letterName(c rune) string {
	switch c {
	case 'B':
		return "bê"
	case 'C':
		return "xê"
	case 'D':
		return "dê"
	case 'Đ':
		return "đê"
	case 'F':
		return "ép"
	case 'G':
		return "gờ"
	case 'H':
		return "hát"
	case 'J':
		return "gi"
	case 'K':
		return "ca"
	case 'L':
		return "lờ"
	case 'M':
		return "em"
	case 'N':
		return "en"
	case 'O':
		return "ô"
	case 'P':
		return "pê"
	case 'Q':
		return "quy"
	case 'R':
		return "e-rờ"
	case 'S':
		return "ét"
	case 'T':
		return "tê"
	case 'V':
		return "vê"
	case 'W':
		return "vê-kép"
	case 'X':
		return "ích"
	case 'Z':
		return "dét"
	}
	if isDigit(c) {
		return digitNames[c-'0']
	}
	return string(unicode.ToLower(c))
}
