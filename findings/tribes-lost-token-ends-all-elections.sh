#!/usr/bin/env bash
# Debian 12: Tribes of Tomcat 9.0.70 (libtomcat9-java), its NonBlockingCoordinator above a TcpFailureDetector, Java 17.
#
# Guess: if a member ends while it has the token of an election, the coordinator, which sees that it is gone, holds another election:
#        its view loses that member, and gets it back when it joins again ("auto merging leader election").
# Seen:  the coordinator never holds an election again, each is "abandoned, election running". Its view keeps those that are gone, and
#        when the member comes back, it is a coordinator of its own beside the first, though both see each other as members. The
#        mark of the election under way is removed only when its token comes back or a view is agreed.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/tomcat9-tribes.jar ] && [ -e $jars/tomcat9-juli.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libtomcat9-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
free=
while [ -z "$free" ]; do # four ports in a row
	base=$((20000 + RANDOM % 1000 * 10))
	free=yes
	for i in 1 2 3 4; do ! (exec 3<>"/dev/tcp/127.0.0.1/$((base + i))") 2>/dev/null || free=; done
done
cat >Finding.java <<'END'
import java.util.Arrays;
import org.apache.catalina.tribes.*;
import org.apache.catalina.tribes.group.GroupChannel;
import org.apache.catalina.tribes.group.interceptors.*;
import org.apache.catalina.tribes.membership.*;
import org.apache.catalina.tribes.transport.nio.NioReceiver;

public class Finding {
  static int base;

  static class Node {
    final int number;
    final GroupChannel channel = new GroupChannel();
    final NonBlockingCoordinator election;
    volatile boolean ends; // with the next token that it gets from a

    Node(int number) throws Exception {
      this.number = number;
      NioReceiver receiver = new NioReceiver();
      receiver.setAddress("127.0.0.1");
      receiver.setPort(base + number);
      receiver.setAutoBind(0);
      channel.setChannelReceiver(receiver);
      StaticMembershipService members = new StaticMembershipService();
      for (int i = 1; i <= 4; i++) {
        StaticMember m = new StaticMember("127.0.0.1", base + i, 0);
        m.setUniqueId("{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0," + i + "}");
        m.setLocal(i == number);
        if (i == number) members.setLocalMember(m); else members.addStaticMember(m);
      }
      channel.setMembershipService(members);
      election = new NonBlockingCoordinator() {
        @Override public void messageReceived(ChannelMessage message) {
          if (!ends || message.getAddress().getPort() != base + 1) super.messageReceived(message);
          else new Thread(() -> { try { channel.stop(Channel.DEFAULT); } catch (ChannelException e) { e.printStackTrace(); } }).start();
        }
      };
      channel.addInterceptor(election);
      channel.addInterceptor(new TcpFailureDetector());
      channel.setHeartbeat(true);
      channel.setHeartbeatSleeptime(1000);
    }

    Node start() throws Exception { channel.start(Channel.DEFAULT); return this; }

    String names(Member... members) {
      StringBuilder names = new StringBuilder();
      for (Member m : members) names.append((char) ('a' + m.getPort() - base - 1));
      char[] sorted = names.toString().toCharArray();
      Arrays.sort(sorted);
      return new String(sorted);
    }

    String members() { return names(channel.getMembers()) + names(channel.getLocalMember(false)); }
    String view() { return names(election.getView()); }

    public String toString() {
      return names(channel.getLocalMember(false)) + ": coordinator " + election.isCoordinator() + " of view " + view()
          + ", sees a: " + members().contains("a") + ", sees b: " + members().contains("b");
    }
  }

  interface Check { boolean done(); }

  static void await(Check check) throws Exception { for (int i = 0; i < 150 && !check.done(); i++) Thread.sleep(100); }

  public static void main(String[] args) throws Exception {
    base = Integer.parseInt(args[0]);
    Node a = new Node(1).start(), b = new Node(2).start(), c = new Node(3).start(), d = new Node(4).start();
    for (Node n : new Node[] {a, b, c, d}) await(() -> n.view().equals("abcd"));
    Thread.sleep(3000);
    System.out.println("four members\n  " + a + "\n  " + b);
    b.ends = true;
    d.channel.stop(Channel.DEFAULT);
    await(() -> !a.members().contains("b"));
    Thread.sleep(6000);
    System.out.println("d has left, and b has ended with the token of that election\n  " + a);
    Node again = new Node(2).start();
    Thread.sleep(20000); // a member waits for a token for 15 s
    System.out.println("b has joined again, 20 s ago\n  " + a + "\n  " + again);
    System.exit(0);
  }
}
END
path=$jars/tomcat9-tribes.jar:$jars/tomcat9-juli.jar:.
javac -J-Xmx256m -cp "$path" Finding.java
timeout 85 java -Xmx256m -cp "$path" Finding "$base" 2>log | tee seen
diff seen - <<'END'
four members
  a: coordinator true of view abcd, sees a: true, sees b: true
  b: coordinator false of view abcd, sees a: true, sees b: true
d has left, and b has ended with the token of that election
  a: coordinator true of view abcd, sees a: true, sees b: false
b has joined again, 20 s ago
  a: coordinator true of view abcd, sees a: true, sees b: true
  b: coordinator true of view b, sees a: true, sees b: true
END
echo "as found: Tribes of Tomcat 9.0.70"
