#!/usr/bin/env bash
# Debian 12: Apache Shiro 1.3.2 (libshiro-java), its own sessions (DefaultSessionManager), without a web container, Java 17.
#
# Guess: a session whose attributes are read and written all the time does not time out, and getLastAccessTime is the time of the
#        last such call ("the last time the application received a request or method invocation").
# Seen:  it expires when its timeout has passed since it was started, in the midst of its use. Only touch() counts as a use,
#        and only the servlet filter calls it. Logins of a program without these end while it works.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/shiro-core.jar ] && [ -e $jars/slf4j-nop.jar ] && [ -e $jars/commons-beanutils.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libshiro-java, libcommons-beanutils-java, libslf4j-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import org.apache.shiro.mgt.DefaultSecurityManager;
import org.apache.shiro.session.*;
import org.apache.shiro.session.mgt.DefaultSessionManager;
import org.apache.shiro.subject.Subject;

public class Finding {
  static final int TIMEOUT = 6000;

  static String use(Subject subject, boolean touch) throws Exception { // for more than twice the timeout, in short steps
    Session session = subject.getSession();
    long start = System.nanoTime(), last = start;
    int longest = 0;
    for (int i = 0; i < 60; i++) {
      Thread.sleep(250);
      try {
        session.setAttribute("step", i);
        session.getAttribute("step");
        if (touch) session.touch();
      } catch (ExpiredSessionException e) {
        boolean early = (last - start) / 1_000_000 < TIMEOUT - 3000;
        return "expired in the midst of its use" + (early ? ", early" : "") + (longest < TIMEOUT / 3 ? "" : ", after a pause");
      }
      longest = Math.max(longest, (int) ((System.nanoTime() - last) / 1_000_000));
      last = System.nanoTime();
    }
    boolean same = session.getLastAccessTime().equals(session.getStartTimestamp());
    return "lives, last access is the start: " + same;
  }

  public static void main(String[] args) throws Exception {
    DefaultSessionManager sessions = new DefaultSessionManager();
    sessions.setGlobalSessionTimeout(TIMEOUT);
    DefaultSecurityManager manager = new DefaultSecurityManager();
    manager.setSessionManager(sessions);
    System.out.println("setAttribute and getAttribute every 250 ms, a timeout of 6 s: "
        + use(new Subject.Builder(manager).buildSubject(), false));
    System.out.println("with touch as well: " + use(new Subject.Builder(manager).buildSubject(), true));
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" shiro-core slf4j-api slf4j-nop commons-beanutils commons-logging).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 80 java -Xmx128m -cp "$path" Finding | tee seen
diff seen - <<'END'
setAttribute and getAttribute every 250 ms, a timeout of 6 s: expired in the midst of its use
with touch as well: lives, last access is the start: false
END
echo "as found: Shiro 1.3.2"
