// Package desk is the officials' pages: the working day of a commune's officer
// and of the leader who approves. routes.go is the whole of it in one table;
// each handler parses, asks a flow or a register once, and draws a page:
//
//	home.go      Trang làm việc: what needs me
//	bulletins.go the list, one bulletin, its live part
//	compose.go   writing, hearing what will be read out, asking for approval
//	decide.go    heard, approved, returned; into sessions, now, stopped, recalled
//	speakers.go  cụm loa: how they are, a new one, one taken away
//	poles.go     one cụm loa: facts, volume, a mute, its log
//	places.go    địa bàn: hamlets and nhóm cụm loa
//	imports.go   registers as tables: out, tried, applied, undone
//	records.go   nhật ký phát and nhật ký hệ thống
//	rules.go     quy chế của Đài: hours, volume, the day's sessions
//	roster.go    danh sách người duyệt: whose passkey the signer believes
//	account.go   signing in, codes and passkeys
//
// Rights are decided in the flows, by place. The table only keeps people from
// pages on which they could do nothing.
package desk
