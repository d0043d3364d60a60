/** The reasons for a report: the server's word and the label. */
export const REASONS = [
  ["spam", "Spam"], ["harassment", "Harassment"], ["hate", "Hate speech"], ["violence", "Violence"],
  ["sexual", "Sexual content"], ["illegal", "Illegal content"], ["other", "Something else"],
];
