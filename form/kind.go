package form

import "loa/bulletin"

// Type says what a field takes.
type Type string

// The types of fields.
const (
	Words  Type = "words"  // one line of text
	Number Type = "number" // a count, 1 to 99,999
	Day    Type = "day"    // 2026-12-05
	Clock  Type = "clock"  // 07:30
	Moment Type = "moment" // 2026-12-05T07:30, as a browser's field gives it
	Phone  Type = "phone"  // digits with dots, spaces, hyphens
)

// Field is one fact of a notice. Its label is the sentence field.<Name>.
type Field struct {
	Name  string
	Type  Type
	Max   int  // characters, for words
	Extra bool // may stay empty
}

// Kind is a kind of notice that an outside body may send. Its name is the
// sentence form.<Code>.
type Kind struct {
	Code     string
	Category bulletin.Category
	Fields   []Field
	Title    string // templates over the fields; by is who sends
	Text     string
	Last     string // the field after whose day, or moment, it is no longer played
}

// Kinds is every kind.
func Kinds() []Kind {
	area, why, phone := Field{Name: "area", Type: Words, Max: 200}, Field{Name: "why", Type: Words, Max: 120}, Field{Name: "phone", Type: Phone}
	begins, ends := Field{Name: "begins", Type: Moment}, Field{Name: "ends", Type: Moment}
	where, first, last := Field{Name: "where", Type: Words, Max: 120}, Field{Name: "first", Type: Day}, Field{Name: "last", Type: Day}
	optional := func(f Field) Field { f.Extra = true; return f }
	return []Kind{
		{
			Code: "power", Category: bulletin.Services, Fields: []Field{area, begins, ends, why, phone}, Last: "ends",
			Title: `Ngừng cấp điện: {{.area}}`,
			Text:  `{{.by}} thông báo tạm ngừng cấp điện để {{.why}}. Thời gian: từ {{.begins}} đến {{.ends}}. Khu vực mất điện: {{.area}}. Điện có thể đóng lại sớm hơn giờ báo. Mọi thắc mắc gọi {{.phone}}.`,
		},
		{
			Code: "water", Category: bulletin.Services, Fields: []Field{area, begins, ends, why, phone}, Last: "ends",
			Title: `Ngừng cấp nước: {{.area}}`,
			Text:  `{{.by}} thông báo tạm ngừng cấp nước để {{.why}}. Thời gian: từ {{.begins}} đến {{.ends}}. Khu vực mất nước: {{.area}}. Bà con trữ nước dùng trong thời gian này. Mọi thắc mắc gọi {{.phone}}.`,
		},
		{
			Code: "vaccination", Category: bulletin.Life, Last: "first",
			Fields: []Field{{Name: "whom", Type: Words, Max: 200}, {Name: "vaccine", Type: Words, Max: 120}, first, {Name: "opens", Type: Clock}, {Name: "closes", Type: Clock},
				where, optional(Field{Name: "bring", Type: Words, Max: 120}), phone},
			Title: `Tiêm {{.vaccine}} ngày {{.first}}`,
			Text:  `{{.by}} tổ chức tiêm {{.vaccine}} cho {{.whom}}, từ {{.opens}} đến {{.closes}} ngày {{.first}}, tại {{.where}}.{{with .bring}} Khi đi mang theo {{.}}.{{end}} Cần hỏi, gọi {{.phone}}.`,
		},
		{
			Code: "recruitment", Category: bulletin.Life, Last: "last",
			Fields: []Field{{Name: "employer", Type: Words, Max: 120}, {Name: "address", Type: Words, Max: 120}, {Name: "job", Type: Words, Max: 80}, {Name: "number", Type: Number},
				{Name: "needs", Type: Words, Max: 200}, last},
			Title: `{{.employer}} tuyển {{.job}}`,
			Text:  `{{.employer}}, {{.address}}, tuyển {{.number}} {{.job}}. Yêu cầu: {{.needs}}. Nhận hồ sơ đến hết ngày {{.last}}. Thông tin do {{.by}} cung cấp.`,
		},
		{
			Code: "enrolment", Category: bulletin.Life, Last: "last",
			Fields: []Field{{Name: "school", Type: Words, Max: 120}, {Name: "address", Type: Words, Max: 120}, {Name: "course", Type: Words, Max: 120}, {Name: "number", Type: Number},
				{Name: "needs", Type: Words, Max: 200}, first, last},
			Title: `{{.school}} tuyển sinh {{.course}}`,
			Text:  `{{.school}}, {{.address}}, tuyển sinh {{.course}}, {{.number}} chỉ tiêu. Yêu cầu: {{.needs}}. Nhận hồ sơ từ ngày {{.first}} đến hết ngày {{.last}}. Thông tin do {{.by}} cung cấp.`,
		},
		{
			Code: "charity", Category: bulletin.Projects, Last: "first",
			Fields: []Field{{Name: "what", Type: Words, Max: 200}, {Name: "whom", Type: Words, Max: 200}, first, {Name: "opens", Type: Clock}, where,
				optional(Field{Name: "bring", Type: Words, Max: 120}), phone},
			Title: `{{.what}} ngày {{.first}}`,
			Text:  `{{.by}} tổ chức {{.what}} cho {{.whom}}, từ {{.opens}} ngày {{.first}}, tại {{.where}}.{{with .bring}} Khi đi mang theo {{.}}.{{end}} Không thu bất cứ khoản tiền nào. Cần hỏi, gọi {{.phone}}.`,
		},
	}
}

// KindOf is the kind with a code.
func KindOf(code string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Code == code {
			return k, true
		}
	}
	return Kind{}, false
}
