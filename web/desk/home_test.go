package desk

import (
	"testing"
	"time"

	"loa"
	"loa/bulletin"
	"loa/lang"
)

// TestSentence is the message after a session, as the officer reads it.
func TestSentence(t *testing.T) {
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	at := func(clock string) int64 {
		m, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-23 "+clock, loa.Zone())
		if err != nil {
			t.Fatal(err)
		}
		return m.UnixMilli()
	}
	m := bulletin.Message{Name: "Buổi chiều", Start: at("17:00"), Items: 6, Meant: 12, Played: 12}
	silent := func(all ...bulletin.Silent) bulletin.Message {
		m := m
		m.Silent, m.Played = all, m.Meant-len(all)
		return m
	}
	chua := bulletin.Silent{Pole: "Cổng Chùa", Code: "DS01", Why: "offline", Since: at("16:20")}
	muted := m
	muted.Muted = []string{"Đình làng"}
	for _, c := range []struct {
		m        bulletin.Message
		locale   string
		sentence string
	}{
		{m, "vi", "Buổi chiều 17:00: 6 tin, cả 12 cụm đã phát đủ."},
		{silent(chua), "vi", "Buổi chiều 17:00: 6 tin, 11/12 cụm đã phát; cụm Cổng Chùa mất kết nối từ 16:20."},
		{silent(chua), "en", "Buổi chiều 17:00: 6 bulletins, 11 of 12 speakers played; Cổng Chùa offline since 16:20."},
		{silent(bulletin.Silent{Pole: "Bến đò", Why: "offline", Since: at("17:00") - 3*24*3_600_000}), "vi", "Buổi chiều 17:00: 6 tin, 11/12 cụm đã phát; cụm Bến đò mất kết nối từ 20/11."},
		{silent(bulletin.Silent{Pole: "Bến đò", Why: "offline"}), "vi", "Buổi chiều 17:00: 6 tin, 11/12 cụm đã phát; cụm Bến đò chưa liên lạc lần nào."},
		{silent(bulletin.Silent{Pole: "Bến đò", Why: "no_receipt"}), "vi", "Buổi chiều 17:00: 6 tin, 11/12 cụm đã phát; cụm Bến đò chưa gửi xác nhận."},
		{silent(bulletin.Silent{Pole: "Bến đò", Why: "disk.full"}), "vi", "Buổi chiều 17:00: 6 tin, 11/12 cụm đã phát; cụm Bến đò: Bộ nhớ của cụm loa đã đầy."},
		{silent(chua, chua, chua, chua, chua), "vi", "Buổi chiều 17:00: 6 tin, 7/12 cụm đã phát; cụm Cổng Chùa mất kết nối từ 16:20; cụm Cổng Chùa mất kết nối từ 16:20; cụm Cổng Chùa mất kết nối từ 16:20; và 2 cụm nữa."},
		{muted, "vi", "Buổi chiều 17:00: 6 tin, cả 12 cụm đã phát đủ; 1 cụm tạm ngưng, không tính."},
	} {
		got := sentence(c.m, func(key string, args ...any) string { return catalog.T(c.locale, key, args...) }, func(w string) string { return catalog.Word(c.locale, w) })
		if got != c.sentence {
			t.Errorf("got  %s\nwant %s", got, c.sentence)
		}
	}
}
