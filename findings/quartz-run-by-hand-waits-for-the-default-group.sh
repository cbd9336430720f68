#!/usr/bin/env bash
# Debian 12: Quartz 2.3.2 (libquartz2-java), with RAMJobStore and with JobStoreTX on H2 2.1.214, Java 17.
#
# Guess: triggerJob(key) runs a job "now" whatever triggers are paused, as it runs a job that was paused with pauseJob(key);
#        the pause of a group of triggers is of no concern to a job that has no trigger in it.
# Seen:  while the group DEFAULT of triggers is paused, or with JobStoreTX after pauseAll, it returns without an error and the job does
#        not run. All these runs are made up for at once when the group is resumed. triggerJob makes a trigger in that group.
set -euo pipefail
jars=/usr/share/java
for jar in quartz2 h2 HikariCP slf4j-api slf4j-nop; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jdk-headless, libquartz2-java, libhikaricp-java and libh2-java" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import static org.quartz.JobBuilder.newJob;
import static org.quartz.SimpleScheduleBuilder.repeatSecondlyForever;
import static org.quartz.TriggerBuilder.newTrigger;
import static org.quartz.impl.matchers.GroupMatcher.*;
import java.sql.*;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import org.quartz.*;
import org.quartz.impl.StdSchedulerFactory;

public class Finding {
  static final String URL = "jdbc:h2:mem:jobs;DB_CLOSE_DELAY=-1";
  static final ConcurrentHashMap<String, Integer> runs = new ConcurrentHashMap<>();

  public static class Work implements Job {
    public void execute(JobExecutionContext context) { runs.merge(context.getJobDetail().getKey().getName(), 1, Integer::sum); }
  }

  static Scheduler scheduler(String store) throws Exception {
    Properties p = new Properties();
    p.put("org.quartz.scheduler.instanceName", store);
    p.put("org.quartz.threadPool.threadCount", "2");
    p.put("org.quartz.jobStore.class", "org.quartz." + (store.equals("RAMJobStore") ? "simpl." : "impl.jdbcjobstore.") + store);
    if (store.equals("JobStoreTX")) {
      try (Connection c = DriverManager.getConnection(URL, "sa", ""); Statement s = c.createStatement()) {
        String tables = new String(Job.class.getResourceAsStream("impl/jdbcjobstore/tables_h2.sql").readAllBytes());
        for (String statement : tables.replaceAll("(?m)^\\s*--.*$", "").split(";"))
          if (!statement.isBlank()) s.execute(statement);
      }
      p.put("org.quartz.jobStore.driverDelegateClass", "org.quartz.impl.jdbcjobstore.StdJDBCDelegate");
      p.put("org.quartz.jobStore.dataSource", "jobs");
      p.put("org.quartz.dataSource.jobs.provider", "hikaricp");
      p.put("org.quartz.dataSource.jobs.driver", "org.h2.Driver");
      p.put("org.quartz.dataSource.jobs.URL", URL);
      p.put("org.quartz.dataSource.jobs.user", "sa");
      p.put("org.quartz.dataSource.jobs.password", "");
    }
    Scheduler scheduler = new StdSchedulerFactory(p).getScheduler();
    scheduler.start();
    return scheduler;
  }

  static int runs(String job, int seconds) throws Exception { // waits until it has run, for that time at most
    for (int i = 0; i < 10 * seconds && !runs.containsKey(job); i++) Thread.sleep(100);
    return runs.getOrDefault(job, 0);
  }

  public static void main(String[] args) throws Exception {
    for (String store : new String[] {"RAMJobStore", "JobStoreTX"}) {
      Scheduler scheduler = scheduler(store);
      System.out.println(store);
      JobKey job = new JobKey("job", "ours");
      scheduler.scheduleJob(newJob(Work.class).withIdentity(job).storeDurably().build(), newTrigger().withIdentity("nightly", "ours")
          .startAt(DateBuilder.futureDate(1, DateBuilder.IntervalUnit.DAY)).build());
      runs.clear();
      scheduler.pauseJob(job);
      scheduler.triggerJob(job);
      System.out.println("  runs by hand, the job is paused: " + runs("job", 30));
      scheduler.resumeJob(job);
      runs.clear();
      scheduler.pauseTriggers(triggerGroupEquals("DEFAULT"));
      scheduler.triggerJob(job);
      scheduler.triggerJob(job);
      System.out.println("  runs by hand, the trigger group DEFAULT is paused: " + runs("job", 8));
      scheduler.resumeTriggers(triggerGroupEquals("DEFAULT"));
      runs("job", 30);
      Thread.sleep(3000);
      System.out.println("  when it is resumed: " + runs("job", 0));
      runs.clear();
      scheduler.pauseAll();
      scheduler.triggerJob(job);
      System.out.println("  run by hand after pauseAll: " + runs("job", 8));
      scheduler.shutdown();
    }
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" quartz2 h2 HikariCP slf4j-api slf4j-nop).
javac -J-Xmx256m -J-XX:TieredStopAtLevel=1 -cp "$path" Finding.java
timeout 85 java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$path" Finding | tee seen
diff seen - <<'END'
RAMJobStore
  runs by hand, the job is paused: 1
  runs by hand, the trigger group DEFAULT is paused: 0
  when it is resumed: 2
  run by hand after pauseAll: 1
JobStoreTX
  runs by hand, the job is paused: 1
  runs by hand, the trigger group DEFAULT is paused: 0
  when it is resumed: 2
  run by hand after pauseAll: 0
END
echo "as found: Quartz 2.3.2"
