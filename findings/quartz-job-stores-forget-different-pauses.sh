#!/usr/bin/env bash
# Debian 12: Quartz 2.3.2 (libquartz2-java), with RAMJobStore and with JobStoreTX on H2 2.1.214, Java 17.
#
# Guess: pauseAll() and pauseJobs(group) are remembered for what is added later, as documented for both ("all new triggers will
#        be paused as they are added", "impose the pause on any new jobs that are added"), whichever store is used.
# Seen:  RAMJobStore forgets pauseAll(): a job of a new group runs at once. JobStoreTX forgets pauseJobs(group): a new job of that
#        group runs at once. The one keeps a list of the groups that it has at the time, the other keeps only groups of triggers.
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

  static void add(Scheduler scheduler, String name, String group) throws Exception {
    scheduler.scheduleJob(newJob(Work.class).withIdentity(name, group).build(),
        newTrigger().withIdentity(name, group + "-triggers").withSchedule(repeatSecondlyForever()).build());
  }

  public static void main(String[] args) throws Exception {
    for (String store : new String[] {"RAMJobStore", "JobStoreTX"}) {
      Scheduler scheduler = scheduler(store);
      System.out.println(store);
      runs.clear();
      add(scheduler, "first", "nightly");
      System.out.println("  before the pause the job runs: " + (runs("first", 30) > 0));
      scheduler.pauseAll();
      add(scheduler, "second", "weekly");
      System.out.println("  after pauseAll a new job runs: " + (runs("second", 8) > 0));
      scheduler.resumeAll();
      scheduler.pauseJobs(jobGroupEquals("nightly"));
      add(scheduler, "third", "nightly");
      System.out.println("  after pauseJobs a new job of the group runs: " + (runs("third", 8) > 0));
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
  before the pause the job runs: true
  after pauseAll a new job runs: true
  after pauseJobs a new job of the group runs: false
JobStoreTX
  before the pause the job runs: true
  after pauseAll a new job runs: false
  after pauseJobs a new job of the group runs: true
END
echo "as found: Quartz 2.3.2"
