package desk

import (
	"loa"
	"loa/sheet"
	"loa/upload"
	"loa/web"
)

// routes is every page and button of the desk.
func (d *desk) routes() []web.Route {
	return []web.Route{
		{Pattern: "GET /sign-in", Right: web.Public, Handle: d.signInPage},
		{Pattern: "POST /sign-in", Right: web.Public, Handle: d.signIn},
		{Pattern: "POST /sign-in/passkey/begin", Right: web.Public, Handle: d.beginPasskeySignIn},
		{Pattern: "POST /sign-in/passkey/finish", Right: web.Public, Handle: d.finishPasskeySignIn},
		{Pattern: "GET /sign-in/link/{token}", Right: web.Public, Handle: d.linkPage},
		{Pattern: "POST /sign-in/link/{token}", Right: web.Public, Handle: d.redeem},
		{Pattern: "GET /recover", Right: web.Public, Handle: d.recoverPage},
		{Pattern: "POST /recover", Right: web.Public, Handle: d.askRecovery},
		{Pattern: "POST /recover/code", Right: web.Public, Handle: d.recoverByCode},
		{Pattern: "GET /recover/wait", Right: web.Public, Handle: d.recoverWait},
		{Pattern: "POST /recover/take", Right: web.Public, Handle: d.takeRecovery},
		{Pattern: "POST /sign-out", Right: web.Entering, Handle: d.signOut},

		{Pattern: "GET /me", Right: web.Entering, Handle: d.me},
		{Pattern: "POST /me/totp", Right: web.Entering, Handle: d.beginTOTP},
		{Pattern: "POST /me/totp/confirm", Right: web.Entering, Handle: d.confirmTOTP},
		{Pattern: "POST /me/passkey/begin", Right: web.Entering, Handle: d.beginPasskey},
		{Pattern: "POST /me/passkey/finish", Right: web.Entering, Handle: d.finishPasskey},
		{Pattern: "POST /me/passkey/{id}/name", Right: web.SignedIn, Handle: d.renamePasskey},
		{Pattern: "POST /me/passkey/{id}/remove", Right: web.SignedIn, Handle: d.removePasskey},
		{Pattern: "POST /me/password", Right: web.Entering, Handle: d.setPassword},
		{Pattern: "POST /me/codes", Right: web.SignedIn, Handle: d.printCodes},
		{Pattern: "POST /me/sessions", Right: web.SignedIn, Handle: d.signOutElsewhere},
		{Pattern: "POST /me/proof/begin", Right: web.SignedIn, Handle: d.beginProof},
		{Pattern: "POST /me/told/{id}", Right: web.SignedIn, Handle: d.putAway},

		{Pattern: "GET /people", Right: loa.RightPeople, Handle: d.people},
		{Pattern: "GET /people/new", Right: loa.RightPeople, Handle: d.welcomePage},
		{Pattern: "POST /people", Right: loa.RightPeople, Handle: d.welcome},
		{Pattern: "GET /people/{id}", Right: loa.RightPeople, Handle: d.person},
		{Pattern: "POST /people/{id}", Right: loa.RightPeople, Handle: d.changePerson},
		{Pattern: "POST /people/{id}/link", Right: loa.RightPeople, Handle: d.personLink},
		{Pattern: "POST /people/{id}/disable", Right: loa.RightPeople, Handle: d.disablePerson},
		{Pattern: "POST /people/{id}/enable", Right: loa.RightPeople, Handle: d.enablePerson},
		{Pattern: "POST /people/{id}/sign-out", Right: loa.RightPeople, Handle: d.signOutPerson},
		{Pattern: "POST /people/{id}/holdings/{holding}/end", Right: loa.RightPeople, Handle: d.endHolding},
		{Pattern: "POST /people/{id}/holdings/{holding}/handover", Right: loa.RightPeople, Handle: d.handOver},
		{Pattern: "GET /posts/{id}", Right: loa.RightPeople, Handle: d.post},
		{Pattern: "POST /posts/{id}", Right: loa.RightPeople, Handle: d.changePost},
		{Pattern: "POST /posts/{id}/give", Right: loa.RightPeople, Handle: d.givePost},
		{Pattern: "GET /offices", Right: loa.RightPeople, Handle: d.offices},
		{Pattern: "POST /offices", Right: loa.RightPeople, Handle: d.addOffice},
		{Pattern: "POST /offices/{id}/close", Right: loa.RightPeople, Handle: d.closeOffice},
		{Pattern: "GET /recoveries", Right: loa.RightRead, Handle: d.recoveries}, // who may say yes is the recovery's rule
		{Pattern: "POST /recoveries/{id}/confirm", Right: loa.RightRead, Handle: d.confirmRecovery},
		{Pattern: "POST /recoveries/{id}/refuse", Right: loa.RightRead, Handle: d.refuseRecovery},

		{Pattern: "GET /{$}", Right: loa.RightRead, Handle: d.home},
		{Pattern: "GET /live", Right: loa.RightRead, Handle: d.homeLive},

		{Pattern: "GET /bulletins", Right: loa.RightRead, Handle: d.list},
		{Pattern: "GET /bulletins/new", Right: loa.RightWrite, Handle: d.composePage},
		{Pattern: "POST /bulletins", Right: loa.RightWrite, Handle: d.compose, Body: web.BodyText},
		{Pattern: "POST /speak", Right: loa.RightWrite, Handle: d.speak, Body: web.BodyText},
		{Pattern: "POST /speak/sound", Right: loa.RightWrite, Handle: d.speakSound, Body: web.BodyText},
		{Pattern: "GET /record", Right: loa.RightWrite, Handle: d.recordPage},
		{Pattern: "POST /record", Right: loa.RightWrite, Handle: d.record, Body: multipartBody},
		{Pattern: "POST /share", Right: loa.RightWrite, Handle: d.share, Body: multipartBody},
		{Pattern: "POST /uploads", Right: loa.RightWrite, Handle: d.beginUpload},
		{Pattern: "GET /uploads/{id}", Right: loa.RightWrite, Handle: d.uploadState}, // and HEAD
		{Pattern: "PATCH /uploads/{id}", Right: loa.RightWrite, Handle: d.uploadPiece, Body: upload.MaxPiece},
		{Pattern: "DELETE /uploads/{id}", Right: loa.RightWrite, Handle: d.dropUpload},
		{Pattern: "POST /uploads/{id}/finish", Right: loa.RightWrite, Handle: d.finishUpload},
		{Pattern: "GET /uploads/{id}/sound", Right: loa.RightWrite, Handle: d.uploadSound},

		{Pattern: "GET /bulletins/{id}", Right: loa.RightRead, Handle: d.bulletin},
		{Pattern: "GET /bulletins/{id}/state", Right: loa.RightRead, Handle: d.bulletinPart("stands")},
		{Pattern: "GET /bulletins/{id}/live", Right: loa.RightRead, Handle: d.bulletinPart("live")},
		{Pattern: "GET /bulletins/{id}/sound/{n}", Right: loa.RightRead, Handle: d.sound},
		{Pattern: "GET /bulletins/{id}/edit", Right: loa.RightWrite, Handle: d.editPage},
		{Pattern: "POST /bulletins/{id}/edit", Right: loa.RightWrite, Handle: d.compose, Body: web.BodyText},
		{Pattern: "POST /bulletins/{id}/submit", Right: loa.RightWrite, Handle: d.submit},
		{Pattern: "POST /bulletins/{id}/leave-out", Right: loa.RightWrite, Handle: d.leaveOut},
		{Pattern: "POST /bulletins/{id}/waive", Right: loa.RightDispatch, Handle: d.waive},
		{Pattern: "GET /languages", Right: loa.RightRead, Handle: d.languages},
		{Pattern: "POST /languages", Right: loa.RightDispatch, Handle: d.setLanguages},
		{Pattern: "POST /bulletins/{id}/hear", Right: loa.RightRead, Handle: d.hear},
		{Pattern: "POST /bulletins/{id}/approve", Right: loa.RightRead, Handle: d.approve}, // a grant stands for the right
		{Pattern: "POST /bulletins/{id}/correct", Right: loa.RightWrite, Handle: d.correct},
		{Pattern: "POST /bulletins/{id}/erratum", Right: loa.RightWrite, Handle: d.erratum},
		{Pattern: "POST /bulletins/{id}/return", Right: loa.RightRead, Handle: d.giveBack},
		{Pattern: "POST /bulletins/{id}/schedule", Right: loa.RightDispatch, Handle: d.schedule},
		{Pattern: "POST /bulletins/{id}/now", Right: loa.RightDispatch, Handle: d.playNow},
		{Pattern: "POST /bulletins/{id}/stop/draft", Right: loa.RightDispatch, Handle: d.draftStop},
		{Pattern: "POST /bulletins/{id}/stop", Right: loa.RightDispatch, Handle: d.stop},
		{Pattern: "POST /bulletins/{id}/cancel", Right: loa.RightRead, Handle: d.cancel}, // an author may, without dispatching

		{Pattern: "GET /inbox", Right: loa.RightRead, Handle: d.inbox},
		{Pattern: "POST /inbox/{id}/take", Right: loa.RightDispatch, Handle: d.take},
		{Pattern: "POST /inbox/{id}/leave", Right: loa.RightDispatch, Handle: d.leave},

		{Pattern: "GET /approve", Right: loa.RightRead, Handle: d.together}, // under a grant too
		{Pattern: "POST /approve/ask", Right: loa.RightRead, Handle: d.askTogether},
		{Pattern: "POST /approve", Right: loa.RightRead, Handle: d.approveTogether},
		{Pattern: "GET /grants", Right: loa.RightRead, Handle: d.grants},
		{Pattern: "POST /grants", Right: loa.RightApprove, Handle: d.draftGrant},
		{Pattern: "POST /grants/{hash}/give", Right: loa.RightApprove, Handle: d.giveGrant},
		{Pattern: "POST /grants/{hash}/end", Right: loa.RightRead, Handle: d.endGrant}, // the signer knows who may
		{Pattern: "GET /form/{secret}", Right: web.Public, Handle: d.formHome},
		{Pattern: "GET /form/{secret}/{kind}", Right: web.Public, Handle: d.formPage},
		{Pattern: "POST /form/{secret}/{kind}", Right: web.Public, Handle: d.sendForm, Body: web.BodyPhoto},
		{Pattern: "GET /forms", Right: loa.RightForm, Handle: d.formHome},
		{Pattern: "GET /forms/{kind}", Right: loa.RightForm, Handle: d.formPage},
		{Pattern: "POST /forms/{kind}", Right: loa.RightForm, Handle: d.sendForm, Body: web.BodyPhoto},
		{Pattern: "GET /outside", Right: loa.RightRead, Handle: d.outside},
		{Pattern: "POST /outside/links", Right: loa.RightWrite, Handle: d.newFormLink},
		{Pattern: "POST /outside/links/{id}/revoke", Right: loa.RightWrite, Handle: d.revokeFormLink},
		{Pattern: "GET /outside/{id}", Right: loa.RightRead, Handle: d.submission},
		{Pattern: "GET /outside/{id}/photo", Right: loa.RightRead, Handle: d.photo},
		{Pattern: "POST /outside/{id}/take", Right: loa.RightWrite, Handle: d.takeForm},
		{Pattern: "POST /outside/{id}/decline", Right: loa.RightWrite, Handle: d.declineForm},

		{Pattern: "GET /speakers", Right: loa.RightRead, Handle: d.speakers},
		{Pattern: "GET /speakers/live", Right: loa.RightRead, Handle: d.speakersLive},
		{Pattern: "GET /speakers/new", Right: loa.RightSpeakers, Handle: d.newSpeaker},
		{Pattern: "POST /speakers", Right: loa.RightSpeakers, Handle: d.addPole},
		{Pattern: "GET /poles/{code}", Right: loa.RightRead, Handle: d.pole},
		{Pattern: "GET /poles/{code}/asked", Right: loa.RightSpeakers, Handle: d.askedCode},
		{Pattern: "GET /poles/{code}/edit", Right: loa.RightSpeakers, Handle: d.editPole},
		{Pattern: "POST /poles/{code}/edit", Right: loa.RightSpeakers, Handle: d.savePole},
		{Pattern: "POST /poles/{code}/mute", Right: loa.RightDispatch, Handle: d.mute},
		{Pattern: "POST /poles/{code}/unmute", Right: loa.RightDispatch, Handle: d.unmute},
		{Pattern: "POST /poles/{code}/volume", Right: loa.RightSpeakers, Handle: d.volume},
		{Pattern: "POST /speakers/{id}/again", Right: loa.RightSpeakers, Handle: d.confirmAgain},
		{Pattern: "POST /poles/{code}/code", Right: loa.RightSpeakers, Handle: d.poleCode},
		{Pattern: "GET /speakers/{id}", Right: loa.RightRead, Handle: d.speaker},
		{Pattern: "POST /speakers/{id}/code", Right: loa.RightSpeakers, Handle: d.newCode},
		{Pattern: "POST /speakers/{id}/check", Right: loa.RightSpeakers, Handle: d.checkBox},
		{Pattern: "POST /speakers/{id}/revoke", Right: loa.RightSpeakers, Handle: d.draftRevoke},
		{Pattern: "POST /speakers/{id}/confirm", Right: loa.RightSpeakers, Handle: d.confirmBox},

		{Pattern: "GET /places", Right: loa.RightRead, Handle: d.placesPage},
		{Pattern: "POST /places/hamlet", Right: loa.RightPeople, Handle: d.addHamlet},
		{Pattern: "POST /places/hamlet/rename", Right: loa.RightPeople, Handle: d.renameHamlet},
		{Pattern: "POST /places/hamlet/end", Right: loa.RightPeople, Handle: d.endHamlet},
		{Pattern: "GET /places/zone", Right: loa.RightSpeakers, Handle: d.zone},
		{Pattern: "POST /places/zone", Right: loa.RightSpeakers, Handle: d.saveZone},
		{Pattern: "POST /places/zone/end", Right: loa.RightSpeakers, Handle: d.endZone},

		{Pattern: "GET /import/{register}", Right: loa.RightRead, Handle: d.importPage},
		{Pattern: "POST /import/{register}", Right: loa.RightRead, Handle: d.importFile, Body: sheet.MaxFile + web.BodySmall},
		{Pattern: "GET /import/{register}/form.xlsx", Right: loa.RightRead, Handle: d.importExport},
		{Pattern: "GET /import/{register}/rows.xlsx", Right: loa.RightRead, Handle: d.importExport},
		{Pattern: "GET /import/{register}/{id}", Right: loa.RightRead, Handle: d.importOne},
		{Pattern: "GET /import/{register}/{id}/wrong.xlsx", Right: loa.RightRead, Handle: d.importFaulty},
		{Pattern: "POST /import/{register}/{id}/apply", Right: loa.RightRead, Handle: d.importApply}, // the register knows whose right
		{Pattern: "POST /import/{register}/{id}/undo", Right: loa.RightRead, Handle: d.importUndo},

		{Pattern: "GET /roster", Right: loa.RightRead, Handle: d.roster},
		{Pattern: "POST /roster", Right: loa.RightPeople, Handle: d.propose},
		{Pattern: "POST /roster/{id}/approve", Right: loa.RightRead, Handle: d.approveRoster}, // the signer knows who keeps its list
		{Pattern: "POST /roster/{id}/hand", Right: loa.RightRead, Handle: d.handRoster},
		{Pattern: "POST /roster/{id}/withdraw", Right: loa.RightPeople, Handle: d.withdrawRoster},

		{Pattern: "GET /sessions", Right: loa.RightRead, Handle: d.sessionsPage},
		{Pattern: "POST /sessions/{do}", Right: loa.RightDispatch, Handle: d.decideSession},

		{Pattern: "GET /rules", Right: loa.RightRead, Handle: d.rules},
		{Pattern: "POST /rules/hours", Right: loa.RightDispatch, Handle: d.draftHours},
		{Pattern: "POST /rules/hours/approve", Right: loa.RightDispatch, Handle: d.approveHours},
		{Pattern: "POST /rules/hearing", Right: loa.RightApprove, Handle: d.setHearing},
		{Pattern: "POST /rules/session", Right: loa.RightDispatch, Handle: d.setSession},
		{Pattern: "POST /rules/standing", Right: loa.RightDispatch, Handle: d.setStanding},
		{Pattern: "POST /rules/exception", Right: loa.RightDispatch, Handle: d.draftException},
		{Pattern: "POST /rules/mourning", Right: loa.RightDispatch, Handle: d.draftMourning},
		{Pattern: "POST /rules/source", Right: loa.RightDispatch, Handle: d.addSource},
		{Pattern: "POST /rules/relay", Right: loa.RightDispatch, Handle: d.proposeRelay},
		{Pattern: "POST /rules/relay/{id}", Right: loa.RightDispatch, Handle: d.answerRelay},

		{Pattern: "GET /words", Right: loa.RightRead, Handle: d.words},
		{Pattern: "POST /words", Right: loa.RightWrite, Handle: d.setWord},
		{Pattern: "POST /words/{id}/remove", Right: loa.RightWrite, Handle: d.removeWord},

		{Pattern: "GET /log", Right: loa.RightRead, Handle: d.log},
		{Pattern: "GET /journal", Right: loa.RightRead, Handle: d.journal},
	}
}
