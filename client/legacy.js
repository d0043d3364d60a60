/* Parley for the oldest browsers: ES5, XMLHttpRequest, long-poll. Its outbox is in memory, and tabs share nothing.
 *
 * var chat = ParleyLegacy("https://chat.example.com");
 * chat.login("alice", "secret", function (error, user) { chat.start(); });
 * chat.on("receive_message", function (message) { ... });
 * chat.send({ conversationId: 1, message: "Hello" }, function (error, ack) { ... });
 */
(function (root) {
  function uuid() {
    var time = ("00000000000" + new Date().getTime().toString(16)).slice(-12);
    return time.slice(0, 8) + "-" + time.slice(8) + "-7xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, function (letter) {
      var digit = Math.floor(Math.random() * 16);
      return (letter === "x" ? digit : 8 + (digit % 4)).toString(16);
    });
  }

  /** Pages of the server itself need no `url`. `tokens` continues an existing sign-in: {accessToken, refreshToken}. */
  root.ParleyLegacy = function (url, tokens) {
    var chat = { user: null, tokens: tokens || null, cursor: "" };
    var handlers = {}, queue = [], running = false, sending = false, renewing = null, turn = 0, polling = null;

    function emit(name, data) {
      var list = handlers[name] || [];
      for (var i = 0; i < list.length; i++) list[i](data);
    }

    function call(method, path, body, token, done) {
      var request = new XMLHttpRequest();
      request.open(method, (url || "") + "/api/v1" + path, true);
      if (token) request.setRequestHeader("Authorization", "Bearer " + token);
      if (body) request.setRequestHeader("Content-Type", "application/json");
      request.timeout = 40000;
      request.onreadystatechange = function () {
        if (request.readyState !== 4) return;
        var answer = null;
        try { answer = JSON.parse(request.responseText); } catch (ignored) { answer = {}; } // 204, or no answer
        if (request.status >= 200 && request.status < 300) done(null, answer);
        else done({ code: answer.code || "network", status: request.status, retryAfter: answer.retryAfter, challenge: answer.challenge }, null);
      };
      request.send(body ? JSON.stringify(body) : null);
      return request;
    }

    /* A refresh token works once, so concurrent callers wait for one renewal. */
    function renew(done) {
      if (renewing) { renewing.push(done); return; }
      renewing = [done];
      call("POST", "/auth/refresh", null, chat.tokens.refreshToken, function (error, fresh) {
        var waiting = renewing;
        renewing = null;
        if (!error) chat.tokens = fresh;
        else if (error.code === "unauthorized") { chat.stop(); emit("signed_out", {}); }
        for (var i = 0; i < waiting.length; i++) waiting[i](error);
      });
    }

    chat.request = function (method, path, body, done) {
      var used = chat.tokens && chat.tokens.accessToken;
      return call(method, path, body, used, function (error, answer) {
        if (!error || error.code !== "unauthorized" || !used || !chat.tokens.refreshToken) return done(error, answer);
        function again(failed) {
          if (failed) done(failed, null);
          else call(method, path, body, chat.tokens.accessToken, done);
        }
        if (used === chat.tokens.accessToken) renew(again);
        else again(null);
      });
    };

    function signIn(path, body, done) {
      call("POST", path, body, "", function (error, answer) {
        if (!error) {
          chat.user = answer.user;
          chat.tokens = { accessToken: answer.accessToken, refreshToken: answer.refreshToken };
        }
        done(error, chat.user);
      });
    }
    chat.register = function (username, password, done) { signIn("/auth/register", { username: username, password: password }, done); };
    chat.login = function (username, password, done) { signIn("/auth/login", { username: username, password: password }, done); };
    /* `challenge` is in the error `second_factor_required` of a login. */
    chat.loginWithCode = function (challenge, code, done) { signIn("/auth/login/second-factor", { challenge: challenge, code: code }, done); };

    chat.on = function (name, handler) { (handlers[name] = handlers[name] || []).push(handler); };

    function pause(tries, error) {
      var limit = Math.min(30, Math.pow(2, tries));
      return 1000 * Math.max(limit * (0.5 + Math.random() / 2), (error && error.retryAfter) || 0);
    }

    function poll(mine, tries) {
      if (!running || mine !== turn) return;
      var path = "/events/poll?wait=25" + (chat.cursor ? "&cursor=" + encodeURIComponent(chat.cursor) : "");
      polling = chat.request("GET", path, null, function (error, answer) {
        if (!running || mine !== turn) return;
        if (error) { setTimeout(function () { poll(mine, tries + 1); }, pause(tries, error)); return; }
        for (var i = 0; i < answer.events.length; i++) emit(answer.events[i].event, answer.events[i].data);
        chat.cursor = answer.cursor; // the next poll sends it, which confirms these events
        poll(mine, 0);
      });
    }
    chat.start = function () {
      if (running) return;
      running = true;
      poll(++turn, 0);
    };
    chat.stop = function () {
      running = false;
      if (polling) polling.abort();
    };

    /* Sends one message after the other, each under its own id until the server stores or refuses it. */
    function drain(tries) {
      if (sending || !queue.length) return;
      sending = true;
      var first = queue[0];
      chat.request("POST", "/messages", first.data, function (error, ack) {
        var code = error && error.code;
        var later = code === "network" || code === "overloaded" || code === "rate_limited" || code === "internal";
        if (later || (ack && ack.status === "accepted")) {
          setTimeout(function () { sending = false; drain(tries + 1); }, pause(tries, error));
          return;
        }
        sending = false;
        queue.shift();
        if (first.done) first.done(error, ack);
        drain(0);
      });
    }
    chat.send = function (data, done) {
      data.id = data.id || uuid();
      queue.push({ data: data, done: done });
      drain(0);
      return data.id;
    };

    chat.history = function (id, done) { chat.request("GET", "/conversations/" + id + "/messages", null, done); };
    chat.markRead = function (id, seq, done) {
      chat.request("POST", "/conversations/" + id + "/read", { seq: seq }, done || function () {});
    };
    return chat;
  };
})(this);
